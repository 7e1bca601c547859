# syntax=docker/dockerfile:1
# One image, two commands: `node api/index.ts` (the default) and `node worker/index.ts`. Two targets would differ only in
# ffprobe, and could be deployed at different versions.

FROM node:24-slim AS base
ENV NODE_ENV=production
WORKDIR /app

# Prisma's client, and ffprobe for this CPU architecture: npm installs the package of @ffprobe-installer whose `os` and
# `cpu` match (linux-x64, linux-arm64). Install scripts stay off; ffprobe's script only sets the executable bit.
FROM base AS build
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci --include=dev --ignore-scripts \
    && chmod 755 node_modules/@ffprobe-installer/linux-*/ffprobe
COPY prisma.config.ts ./
COPY prisma/schema.prisma prisma/
RUN node node_modules/prisma/build/index.js generate

# `prisma` and `typescript` are optional peer dependencies of @prisma/client; only --omit=optional leaves them out. ffprobe,
# the one optional package we need, comes from the stage above. The deleted query compilers of other databases and source
# maps are 70 MB.
FROM base AS dependencies
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --omit=optional --ignore-scripts \
    && find node_modules/@prisma/client/runtime -regex '.*\(cockroachdb\|mysql\|sqlite\|sqlserver\|_small_\|edge\|base64\.js\).*' -delete \
    && find node_modules/mediabunny/dist/bundles node_modules/swagger-ui-dist/swagger-ui-es-bundle* -type f -delete \
    && find node_modules -regex '.*\.\(map\|[cm]?ts\)' -delete

# The pooler of compose's profile `ha`.
FROM base AS pgbouncer
RUN apt-get update \
    && apt-get install -y --no-install-recommends pgbouncer \
    && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log /usr/share/doc /usr/share/man
USER 1000:1000
ENTRYPOINT []
CMD ["pgbouncer", "/etc/pgbouncer/pgbouncer.ini"]

FROM base
# Makes pictures of videos; Debian updates it. Drivers of graphics cards and a compiler for them, which ffmpeg does not need,
# are 160 MB.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ffmpeg \
    && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log /usr/share/doc /usr/share/man \
    && find /usr/lib \( -name 'libLLVM*' -o -name 'libz3.so*' -o -name 'libgallium*' -o -path '*/dri/*' \) -delete \
    && ffmpeg -loglevel error -f lavfi -i testsrc=size=64x64:duration=0.1 -frames:v 1 -c:v libwebp -f null -
ARG VERSION=1.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="video-alert-pipeline" \
      org.opencontainers.image.description="Takes alerts from stores' cameras, reads the header bytes of each video, reports its resolution, loses none." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/node_modules/@ffprobe-installer node_modules/@ffprobe-installer
COPY --from=build /app/prisma/generated prisma/generated
COPY package.json ./
COPY prisma prisma
COPY postgres postgres
COPY redis redis
COPY config config
COPY async async
COPY destinations destinations
COPY sources sources
COPY media media
COPY archive archive
COPY observability observability
COPY backup backup
COPY api api
COPY worker worker
# In a container of 512 MiB, V8 reserves only 1 MiB for new objects and copies them repeatedly: the api uses 1.5 ms of CPU
# per alert instead of 1.3, and 40 MiB less memory. With 768 MiB, V8 chooses 16 MiB by itself.
ENV NODE_OPTIONS=--max-semi-space-size=16
# The volumes get the owner of these folders.
RUN install -d -o 1000 -g 1000 -m 755 /media && install -d -o 1000 -g 1000 -m 700 /backups /archive
# Numeric: an orchestrator that checks for a non-root user cannot resolve a name.
USER 1000:1000
# The worker listens on OPS_PORT, the api on PORT; /readyz is the same. On a machine with 40 busy processes, the check alone
# took 7 s and the start 50 s.
HEALTHCHECK --interval=10s --timeout=15s --start-period=2m --start-interval=1s --retries=3 \
    CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.OPS_PORT || process.env.PORT || 8000}/readyz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# Not the base image's entrypoint, a shell script.
ENTRYPOINT []
CMD ["node", "api/index.ts"]
