# The image that `docker run -p 8080:8080 mse-server` deploys: the server, the libraries it needs, and nothing else.

FROM debian:trixie AS build
WORKDIR /mse-server
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends make
COPY tools/deps tools/
RUN tools/deps build
COPY . .
RUN make build/mse-server
RUN mkdir /image \
    && strip -o /image/mse-server build/mse-server \
    && ldd build/mse-server | grep -o '/[^ ]*' | xargs cp --dereference --parents --target-directory=/image

FROM scratch
LABEL org.opencontainers.image.title="mse-server" \
      org.opencontainers.image.description="Mean squared error and its gradients over HTTP, every number correctly rounded" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /image/ /
USER 65532:65532
ENV MSE_LISTEN=0.0.0.0:8080
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --retries=3 CMD ["/mse-server", "--check"]
ENTRYPOINT ["/mse-server"]
