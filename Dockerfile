# docker build -t glasspose . ; how to run it: docs/serving.md
FROM python:3.12-slim AS build
WORKDIR /build
RUN python -m venv /opt/glasspose
ENV PATH=/opt/glasspose/bin:$PATH
# --build-arg TORCH_INDEX=... with the index of PyTorch's CPU builds, which its install page names, makes the image a few gigabytes smaller.
ARG TORCH_INDEX=
COPY pyproject.toml constraints.txt README.md LICENSE CHANGELOG.md ./
COPY src ./src
RUN pip install --no-cache-dir ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} -c constraints.txt '.[serve]'

FROM python:3.12-slim
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin glasspose
COPY --from=build /opt/glasspose /opt/glasspose
ENV PATH=/opt/glasspose/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 MPLCONFIGDIR=/tmp/matplotlib
USER 10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
# The token comes from the environment (GLASSPOSE_TOKEN), never from the image.
ENTRYPOINT ["glasspose", "serve"]
CMD ["hourglass-tiny-lsp", "--host", "0.0.0.0"]
