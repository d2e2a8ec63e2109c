import { randomBytes } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { settings } from '../../../runtime/config.ts';
import { connectEngine } from '../../../runtime/sandbox/container/engine.ts';
import {
  GUEST_PROTOCOL,
  IMAGE_NAMES,
  type ImageDefinition,
  imageDefinitions,
} from '../../../runtime/sandbox/container/image-definitions.ts';
import { buildImages } from '../../../sandbox-images/build/build-images.ts';
import { findImage, removeTag } from '../../../sandbox-images/build/engine-images.ts';
import { createReport } from '../../../sandbox-images/build/report.ts';
import { copySources } from './image-sources.ts';

const docker = connectEngine(process.env.CORDON_TEST_ENGINE ?? settings.engine.default);
const noEngine = await docker.ping().then(
  () => undefined,
  (error: Error) => error.message,
);
if (noEngine !== undefined) console.warn(`Tests of images are skipped, there is no engine: ${noEngine}`);

const report = createReport((line) => process.stderr.write(line), false);
const build = (definitions: ImageDefinition[], wanted = [...IMAGE_NAMES], force = false) =>
  buildImages({ docker, definitions, wanted, force, report, signal: AbortSignal.timeout(900_000) });

const definitions = await imageDefinitions();
const tagOf = (name: string) => definitions.find((definition) => definition.name === name)!.tag;

/** What a program prints in an image that runs as a sandbox does: read-only root, no network, no capability. */
async function run(image: string, command: string[], user?: string): Promise<string> {
  const [program, ...args] = command;
  const container = await docker.createContainer({
    name: `cordon-images-test-${randomBytes(4).toString('hex')}`,
    Image: image,
    Entrypoint: [program!],
    Cmd: args,
    Tty: true,
    ...(user === undefined ? {} : { User: user }),
    HostConfig: {
      NetworkMode: 'none',
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges:true'],
      Tmpfs: { '/tmp': 'rw,exec,nosuid,nodev,mode=1777,size=67108864' },
    },
  });
  try {
    await container.start();
    const { StatusCode } = await container.wait();
    const output = await text(await container.logs({ stdout: true, stderr: true, follow: true }));
    const lines = output.replaceAll('\r\n', '\n').trim();
    if (StatusCode !== 0) throw new Error(`${command.join(' ')} ended with ${StatusCode}: ${lines}`);
    return lines;
  } finally {
    await container.remove({ force: true });
  }
}

const shell = (image: string, script: string, user?: string) => run(image, ['/bin/bash', '-c', script], user);
const python = (program: string) =>
  run(tagOf('python'), [
    '/bin/bash',
    '-c',
    'cp -r /opt/cordon/home /tmp/home; HOME=/tmp/home exec python3 -c "$0"',
    program,
  ]);

describe.skipIf(noEngine !== undefined)('images of containers', () => {
  beforeAll(() => build(definitions).then(() => undefined), 900_000);

  describe.each([...IMAGE_NAMES])('%s', (name) => {
    it('starts as guest in its workspace, on a root that nobody can write', async () => {
      const seen = await shell(
        tagOf(name),
        'id -u; id -g; id -un; pwd; stat -c %U /workspace; touch /usr/x /opt/cordon/x 2>&1 | grep -c Read-only',
      );
      expect(seen.split('\n')).toEqual(['10001', '10001', 'guest', '/workspace', 'guest', '2']);
    });

    it('has nothing that raises privileges, and no folder that all may write besides /tmp', async () => {
      const find =
        'find / -xdev -perm /6000; find / -xdev -type d -perm -0002 ! -path /tmp; find / -xdev -type f -perm -0002';
      expect(await shell(tagOf(name), `cd /; ${find}`, '0:0')).toBe('');
      const capable =
        "import os, sys\nfor folder, _, names in os.walk('/usr'):\n  for name in names:\n    path = os.path.join(folder, name)\n    if 'security.capability' in os.listxattr(path, follow_symlinks=False): print(path)";
      expect(await run(tagOf(name), ['python3', '-c', capable], '0:0')).toBe('');
    });

    it('has no package manager, no documents but licences, no logs and no histories', async () => {
      const programs =
        'apt apt-get apt-cache dpkg dpkg-deb dpkg-query pip pip3 npm npx corepack cpan gem easy_install gcc cc make';
      expect(await shell(tagOf(name), `for each in ${programs}; do type -P $each; done; true`)).toBe('');
      expect(await shell(tagOf(name), 'python3 -m pip 2>&1; python3 -m ensurepip 2>&1; true')).toMatch(
        /No module named pip[\s\S]*No module named ensurepip/,
      );
      const left =
        'find /usr/share/doc -type f ! -name copyright; find /usr/share/man /usr/share/info /var/log /var/cache /var/lib/apt /root -type f 2>/dev/null; true';
      expect(await shell(tagOf(name), `cd /; ${left}`, '0:0')).toBe('');
      expect(await shell(tagOf(name), 'ls /usr/share/doc/bash/copyright')).toBe('/usr/share/doc/bash/copyright');
    });

    it('is one layer, says what it is, and is the latest', async () => {
      const { Config, RootFS, Id } = await docker.getImage(tagOf(name)).inspect();
      expect(RootFS.Layers).toHaveLength(1);
      expect(Config.Entrypoint).toEqual(['/usr/bin/python3', '-I', '-S', '-B', '/opt/cordon/supervisor.py']);
      expect(Config).toMatchObject({ User: '10001:10001', WorkingDir: '/workspace' });
      expect(Config.Cmd ?? []).toEqual([]);
      expect(Config.Labels).toMatchObject({
        'org.cordon.image': name,
        'org.cordon.hash': tagOf(name).split(':')[1],
        'org.cordon.guest': GUEST_PROTOCOL,
      });
      expect(JSON.parse(Config.Labels['org.cordon.versions']!)).toMatchObject({
        debian: expect.stringMatching(/^12\./),
        python: expect.stringMatching(/^3\.11\./),
        git: expect.any(String),
        ...(name === 'python'
          ? { numpy: expect.any(String), pandas: expect.any(String), scipy: expect.any(String) }
          : {}),
        ...(name === 'node' ? { node: definitions.at(-1)!.node!.version } : {}),
      });
      expect((await findImage(docker, `cordon/${name}:latest`))?.id).toBe(Id);
    });

    it('has the tools of a shell script, UTF-8 and time zones', async () => {
      const tools = 'bash python3 git curl jq sqlite3 zip unzip grep sed gawk find diff file xz ps tar bc patch cordon';
      expect(await shell(tagOf(name), `for each in ${tools}; do type -P $each >/dev/null || echo $each; done`)).toBe(
        '',
      );
      expect(await shell(tagOf(name), 'x=Grüße; echo ${#x}; locale charmap; TZ=Europe/Berlin date -d @0 +%H%Z')).toBe(
        '5\nUTF-8\n01CET',
      );
      expect(
        await shell(
          tagOf(name),
          'cd /tmp && git init -q r && cd r && touch a && git add a && git commit -qm a && git log --format=%s | cat',
        ),
      ).toBe('a');
    });

    it('has nothing of Python left to compile', async () => {
      const program = [
        'import asyncio, bz2, ctypes, curses, dbm.gnu, decimal, distutils, email, http.client, json, lzma, os, readline',
        'import sqlite3, ssl, sys, unittest, urllib.request, uuid, xml.etree.ElementTree, zoneinfo',
        'print([m.__name__ for m in sys.modules.values() if getattr(getattr(m, "__spec__", None), "cached", None) and not os.path.exists(m.__spec__.cached)])',
      ].join('\n');
      expect(await run(tagOf(name), ['python3', '-W', 'ignore', '-c', program])).toBe('[]');
      const stale =
        'find /opt/cordon -name "*.py" ! -path /opt/cordon/supervisor.py | while read f; do d=${f%/*}; n=${f##*/}; [ -e $d/__pycache__/${n%.py}.cpython-311.pyc ] || echo $f; done';
      expect(await shell(tagOf(name), stale)).toBe('');
    });
  });

  it('python draws a chart of pandas data into a file, and its imports are compiled', async () => {
    const program = [
      'import matplotlib.pyplot as plot, pandas, sys, os',
      'pandas.DataFrame({"a": [1, 3, 2]}).plot(title="Größe")',
      'plot.savefig("/tmp/chart.png")',
      'import numpy, scipy.stats, requests, openpyxl, PIL.Image, pypdf, lxml.etree, mpl_toolkits.mplot3d',
      'print(plot.get_backend(), PIL.Image.open("/tmp/chart.png").size)',
      'print([m.__name__ for m in sys.modules.values() if getattr(getattr(m, "__spec__", None), "cached", None) and not os.path.exists(m.__spec__.cached)])',
    ].join('\n');
    expect(await python(program)).toBe('agg (640, 480)\n[]');
  });

  it('python has the list of fonts ready', async () => {
    const program = 'import matplotlib.font_manager as f\nf._load_fontmanager(try_read_cache=True)\nprint("read")';
    const made = 'import logging\nlogging.basicConfig(level=logging.INFO)\n';
    expect(await python(made + program)).not.toContain('generated new fontManager');
  });

  it('python reads and writes what a data job brings', async () => {
    const program = [
      'import pandas, io, pypdf, numpy, scipy.linalg',
      'frame = pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]})',
      'frame.to_excel("/tmp/t.xlsx", index=False)',
      'assert pandas.read_excel("/tmp/t.xlsx").equals(frame)',
      'assert pandas.read_html(io.StringIO(frame.to_html(index=False)))[0].equals(frame)',
      'writer = pypdf.PdfWriter(); writer.add_blank_page(100, 100); writer.write("/tmp/t.pdf")',
      'assert len(pypdf.PdfReader("/tmp/t.pdf").pages) == 1',
      'm = numpy.random.rand(50, 50); assert numpy.allclose(scipy.linalg.inv(m) @ m, numpy.eye(50))',
      'print("good")',
    ].join('\n');
    expect(await python(program)).toBe('good');
  });

  it('node is the Node.js of the project', async () => {
    expect(await run(tagOf('node'), ['node', '--version'])).toBe(`v${definitions.at(-1)!.node!.version}`);
    expect(await run(tagOf('base'), ['bash', '-c', 'type -P node || echo none'])).toBe('none');
  });

  it('are left as they are by a second build', async () => {
    const before = await Promise.all(definitions.map(({ tag }) => findImage(docker, tag)));
    expect(await build(definitions)).toEqual([]);
    expect(await Promise.all(definitions.map(({ tag }) => findImage(docker, tag)))).toEqual(before);
  });

  describe('a build', () => {
    const copy = noEngine === undefined ? copySources() : undefined;
    const mark = `mark-${randomBytes(6).toString('hex')}`;
    afterAll(async () => {
      copy?.remove();
      // `latest` is the project's again.
      if (noEngine === undefined) await build(definitions);
    });

    /** Containers, and images with their layers, that came from a Dockerfile with the mark. */
    async function leftovers(): Promise<string[]> {
      const images = await docker.listImages({ all: true });
      const seen = await Promise.all(images.map(({ Id }) => findImage(docker, Id)));
      const marked = await Promise.all(
        seen.map(async (image) => {
          const config =
            image &&
            (
              await docker
                .getImage(image.id)
                .inspect()
                .catch(() => undefined)
            )?.Config;
          return config?.Env?.some((entry) => entry.includes(mark)) && image?.tags.length === 0 ? image.id : '';
        }),
      );
      const containers = await docker.listContainers({ all: true });
      return [
        ...marked.filter(Boolean),
        ...containers.flatMap(({ Names }) => Names).filter((name) => name.startsWith(`/cordon-images-${process.pid}-`)),
      ];
    }

    it('that fails shows the last words of the step, and leaves no layer and no container', async () => {
      copy!.write(
        'sandbox-images/python/Dockerfile',
        `ARG PACKAGES\nFROM \${PACKAGES}\nENV MARK=${mark}\nRUN echo made >/made\nRUN echo so sorry >&2; exit 3\n`,
      );
      await expect(build(await imageDefinitions(copy!.root), ['python'])).rejects.toThrow(/code: 3[\s\S]*so sorry/);
      await expect.poll(leftovers, { timeout: 20_000 }).toEqual([]);
    });

    it('that is stopped leaves no layer and no container', async () => {
      copy!.write(
        'sandbox-images/python/Dockerfile',
        `ARG PACKAGES\nFROM \${PACKAGES}\nENV MARK=${mark}\nRUN sleep 100\n`,
      );
      const stopped = await imageDefinitions(copy!.root);
      const signal = AbortSignal.timeout(2500);
      const begun = performance.now();
      await expect(
        buildImages({ docker, definitions: stopped, wanted: ['python'], force: false, report, signal }),
      ).rejects.toThrow();
      expect(performance.now() - begun).toBeLessThan(20_000);
      await expect.poll(leftovers, { timeout: 20_000 }).toEqual([]);
    }, 60_000);

    it('does no harm to another one of the same image', async () => {
      copy!.write(
        'sandbox-images/base/Dockerfile',
        `ARG PACKAGES\nFROM \${PACKAGES}\nENV MARK=${mark}\nRUN sleep 1; echo ${mark} >/made\n`,
      );
      const both = await imageDefinitions(copy!.root);
      const { tag } = both[0]!;
      try {
        await Promise.all([build(both, ['base']), build(both, ['base'])]);
        expect(await run(tag, ['cat', '/made'])).toBe(mark);
        await expect.poll(leftovers, { timeout: 20_000 }).toEqual([]);
      } finally {
        await removeTag(docker, 'cordon/base:latest');
        await removeTag(docker, tag);
      }
    }, 120_000);
  });
});
