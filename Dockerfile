# convae as a container. Build and run:
#   docker build -t convae .                                            # CUDA (and CPU)
#   docker build -t convae --build-arg TORCH_INDEX=<address> .          # another build of PyTorch
#   docker run -p 127.0.0.1:8501:8501 -v convae:/data [--gpus all] convae
# TORCH_INDEX is the address that the selector on pytorch.org shows, for example that of the CPU
# builds. Empty: the default build, which has CUDA on x86-64.
ARG PYTHON=3.12
FROM python:${PYTHON}-slim

ARG TORCH_INDEX=""
WORKDIR /app
COPY requirements.txt .
RUN if [ -n "$TORCH_INDEX" ]; then \
        python -m pip install --no-cache-dir --index-url "$TORCH_INDEX" torch torchvision; \
    fi \
 && python -m pip install --no-cache-dir -r requirements.txt

COPY .streamlit .streamlit
COPY app.py .
COPY pages pages
COPY convae convae
COPY checkpoints checkpoints

# what is written: image sets, runs and the cache; a volume keeps them
RUN useradd --create-home convae && mkdir /data && chown convae /data
USER convae
ENV CONVAE_DATA_DIR=/data/images CONVAE_RUNS_DIR=/data/runs CONVAE_CACHE_DIR=/data/cache
VOLUME /data

EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD python -c "import os, urllib.request as u; u.urlopen(os.environ.get('HEALTH_URL', 'http://127.0.0.1:8501/_stcore/health'), timeout=4)"
CMD ["python", "-m", "streamlit", "run", "app.py", "--server.headless", "true", "--server.port", "8501"]
