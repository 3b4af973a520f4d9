# syntax=docker/dockerfile:1

FROM golang:1.26.8 AS build
WORKDIR /src

COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod \
    go mod download

COPY . .
ARG VERSION=dev
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION}" -o /out/contrail ./cmd/contrail

# Nothing but the binary and the certificates it needs for TLS to PostgreSQL and NATS: no shell, no package manager, no root.
FROM scratch
ARG VERSION=dev
LABEL org.opencontainers.image.title="contrail" \
      org.opencontainers.image.description="An event-sourced outbox over PostgreSQL and NATS JetStream" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /src/LICENSE /LICENSE
COPY --from=build /out/contrail /contrail
USER 65532:65532
ENTRYPOINT ["/contrail"]
CMD ["--help"]
