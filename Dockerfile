# A node in a container, with its data in the volume /data:
#
#     docker build --tag adit .
#     docker run --publish 127.0.0.1:5000:5000 --volume adit:/data adit

FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /adit
COPY . .
RUN cargo build --release --locked --package adit

FROM debian:bookworm-slim
RUN useradd --uid 10001 --no-create-home --home-dir /data adit \
    && install --directory --owner adit --group adit /data
COPY --from=build /adit/target/release/adit /usr/local/bin/adit
USER 10001
# Other machines reach a container only where it listens to all of them.
ENV ADIT_HOST=0.0.0.0
ENV ADIT_DATA_DIR=/data
VOLUME /data
EXPOSE 5000
# Asks on ADIT_PORT, or else 5000, as the node listens there.
HEALTHCHECK --interval=10s --timeout=10s --start-period=10s CMD ["adit", "status"]
ENTRYPOINT ["adit"]
CMD ["node"]
