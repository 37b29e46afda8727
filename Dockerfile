# The image of the action and of the GitLab component, and one for every other
# host. It needs BuildKit. Nothing runs on the platform that it is for, so that one
# machine builds it for all without emulation.
ARG BUILDER=golang:1.26-bookworm
ARG BASE=alpine:3.22
# Who has the certificate authorities for a base that has none.
ARG AUTHORITIES=alpine:3.22
# Where the binary comes from: build compiles it here, prebuilt takes it from
# dist/hallmark-linux-ARCH, so that a release and its image have the same.
ARG BINARY=build

FROM --platform=$BUILDPLATFORM ${BUILDER} AS build
ARG TARGETARCH
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN make binary GOOS=linux GOARCH="$TARGETARCH" BINARY=/hallmark

FROM scratch AS prebuilt
ARG TARGETARCH
COPY dist/hallmark-linux-${TARGETARCH} /hallmark

FROM ${BINARY} AS binary

FROM ${BASE} AS base

# A base's own authorities are kept: they may be a company's. The brackets let the
# file be absent.
FROM --platform=$BUILDPLATFORM ${AUTHORITIES} AS authorities
COPY --from=base /etc/ss[l]/certs/ca-certificates.crt /etc/ssl/certs/

# GitHub wants root and no WORKDIR; GitLab wants a shell, coreutils and grep.
FROM base
ARG VERSION=dev
ARG REVISION=
LABEL org.opencontainers.image.title="Hallmark" \
      org.opencontainers.image.description="Makes, signs, attaches, verifies and gates attestations of container images" \
      org.opencontainers.image.source="https://github.com/hallmark-ci/hallmark" \
      org.opencontainers.image.documentation="https://github.com/hallmark-ci/hallmark/blob/main/docs/ci.md" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=authorities /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=binary /hallmark /usr/local/bin/hallmark
ENTRYPOINT ["/usr/local/bin/hallmark"]
