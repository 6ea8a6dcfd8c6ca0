# Soundbite over HTTP in a container: not root, one volume, nothing but Python. Build: docker build -t soundbite .
# For an agent that starts it over stdio: docker run -i --rm --no-healthcheck -v soundbite:/data soundbite serve
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements/run.txt requirements/build.txt requirements/
RUN python -m venv /opt/soundbite \
 && /opt/soundbite/bin/pip install --no-cache-dir --require-hashes -r requirements/run.txt \
 && python -m venv /opt/build \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt
COPY . .
RUN /opt/build/bin/python -m hatchling build -t wheel -d /dist \
 && /opt/soundbite/bin/pip install --no-cache-dir --no-deps /dist/*.whl \
 && /opt/soundbite/bin/pip uninstall --yes pip setuptools

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="Soundbite" \
      org.opencontainers.image.description="Ears for LLM agents: an MCP server that embeds and searches audio" \
      org.opencontainers.image.licenses="Apache-2.0" \
      io.modelcontextprotocol.server.name="io.github.soundbite/soundbite"
RUN useradd --no-create-home --uid 10001 --home-dir /data --shell /usr/sbin/nologin soundbite \
 && install --directory --owner=soundbite --group=soundbite /data /recordings
COPY --from=build /opt/soundbite /opt/soundbite
ENV PATH=/opt/soundbite/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    SOUNDBITE_HOME=/data \
    SOUNDBITE_ROOTS=/recordings
USER 10001
WORKDIR /recordings
VOLUME /data
EXPOSE 8765
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8765/readyz', timeout=4)"]
ENTRYPOINT ["soundbite"]
# Beyond loopback it starts only with SOUNDBITE_HTTP_TOKENS and SOUNDBITE_HTTP_HOSTS: compose.yaml shows both.
CMD ["serve", "--http", "0.0.0.0:8765"]
