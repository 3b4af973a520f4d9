# NATS with a folder that is its user's own: a new volume at /data takes over the owner, so that the server needs no root.
FROM nats:2.15.2-alpine
RUN mkdir /data && chown 1000:1000 /data
USER 1000:1000
CMD ["--config", "/etc/nats/contrail.conf"]
