# What the base image is made of, while Debian's package manager is still there: base/Dockerfile removes it.
# An image of its own, so that changed guest code needs no network to be built in.
#
# The index digest of debian:bookworm-slim, for all architectures. The builder pulls it, or makes the same by mmdebstrap
# where no registry can be reached, and gives either one as DEBIAN. Security updates since then come by the upgrade below.
ARG DEBIAN=debian:bookworm-slim@sha256:96e378d7e6531ac9a15ad505478fcc2e69f371b10f5cdf87857c4b8188404716
FROM ${DEBIAN}

# What debian:bookworm-slim leaves out, said again for a system made by mmdebstrap. Licences stay.
RUN printf '%s\n' 'path-exclude /usr/share/man/*' 'path-exclude /usr/share/info/*' 'path-exclude /usr/share/locale/*' \
      'path-exclude /usr/share/doc/*' 'path-include /usr/share/doc/*/copyright' > /etc/dpkg/dpkg.cfg.d/cordon

# libatomic1 and libstdc++6 are for node. gdbm and distutils complete Python's standard library; tkinter has no screen here.
RUN export DEBIAN_FRONTEND=noninteractive \
 && apt-get update && apt-get upgrade -y \
 && apt-get install -y --no-install-recommends \
      bash bc bzip2 ca-certificates coreutils curl diffutils file findutils gawk git grep jq less patch procps sed \
      sqlite3 tar tree tzdata unzip xz-utils zip zstd \
      python3 python3-distutils python3-gdbm \
      libatomic1 libstdc++6 \
 && rm -rf /var/lib/apt/lists/*

# Commits work at once; the workspace may belong to another user than git expects.
RUN git config --system user.name guest && git config --system user.email guest@localhost \
 && git config --system init.defaultBranch main && git config --system --add safe.directory '*'

RUN groupadd --gid 10001 guest \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp/home --shell /bin/bash guest
