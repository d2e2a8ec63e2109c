# The service itself: docker build -t cordon . (docs/DEPLOY.md). Base: Debian 12 or later, or what is made from it.
ARG BASE=debian:bookworm-slim

# Packages, without running a script of any of them, on the Node.js that package-lock.json locks.
FROM ${BASE} AS build
ARG NPM_VERSION=12.2.0
ARG NPM_INTEGRITY=sha512-ZsJjKpTnlmSXOLLXiU1xDCzC4Wlok4IwZmh/aw2KUuXytU7q6qMv/cUT7MoeSf95Slwuw/lRXYefGzGCspHPNQ==
ARG NPM_REGISTRY=https://registry.npmjs.org
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates curl libatomic1 openssl
WORKDIR /app
COPY package.json package-lock.json deploy/toolchain.sh ./
RUN sh toolchain.sh package-lock.json "$NPM_VERSION" "$NPM_INTEGRITY" /toolchain && rm toolchain.sh
# Certificates are the base's: a company's own authority belongs there.
ENV PATH=/toolchain/node/bin:/usr/bin:/bin NODE_USE_SYSTEM_CA=1 SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
RUN node /toolchain/npm/bin/npm-cli.js ci --omit=dev --ignore-scripts --no-audit --no-fund --cache /tmp/npm --registry "$NPM_REGISTRY" \
 # What no run of the service reads: headers and manuals of Node.js, binaries for other machines.
 && rm -rf node_modules/node-linux-*/include node_modules/node-linux-*/share node_modules/isolated-vm/*.tgz \
 && find node_modules/isolated-vm/prebuilds -mindepth 1 -maxdepth 1 ! -name "linux-$(node -p process.arch)" -exec rm -r {} + \
 && install -d -o 7700 -g 7700 node_modules/.cache
COPY . .

# Bundles, compiled code and the snapshot of Python: the installation cannot be written later. A failing run fails the build.
USER 7700:7700
ENV NODE_COMPILE_CACHE=/app/node_modules/.cache/node
RUN node_modules/.bin/node deploy/prepare.ts
USER 0:0
RUN rm deploy/prepare.ts deploy/*.sh && chown -R 0:0 node_modules/.cache && chmod -R a+rX node_modules/.cache

FROM ${BASE}
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends bubblewrap ca-certificates libatomic1 tini \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/log/* \
 # Nothing here becomes another user.
 && find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
 && groupadd --gid 7700 cordon \
 && useradd --uid 7700 --gid 7700 --home-dir /data --no-create-home --shell /usr/sbin/nologin cordon \
 && install -d -o 7700 -g 7700 -m 700 /data \
 && ln -s /app/node_modules/.bin/node /usr/local/bin/node
COPY --from=build /app /app

ARG VERSION=0.1.0
ARG REVISION=
LABEL org.opencontainers.image.title="Cordon" \
      org.opencontainers.image.description="Self-hosted runtime for code that AI agents write" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Loopback of a container is reachable for nobody else: who may reach the port is decided where it is published.
ENV CORDON_DATA=/data CORDON_HOST=0.0.0.0 NODE_COMPILE_CACHE=/app/node_modules/.cache/node \
    NODE_USE_SYSTEM_CA=1 SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 7700:7700
WORKDIR /app
VOLUME /data
EXPOSE 7700
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --retries=3 CMD ["node", "-e", "require('node:http').get({host:'127.0.0.1',port:process.env.CORDON_PORT||7700,path:'/healthz'},(r)=>process.exit(r.statusCode===200?0:1)).on('error',()=>process.exit(1))"]
# A killed worker can leave a child to the first process, and Node.js does not wait for children that it did not start.
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["node", "api/main.ts"]
