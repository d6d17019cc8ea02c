# The command line on a CPU, with the versions of release 0.1.0:
#   docker build -t bench . && docker run --rm -v "$PWD/runs:/measured/runs" bench run --methods l1,lcnet,cascade
# Data sets lie outside: -v DIR:/data -e BENCH_DATA=/data. Images in files want --shm-size 4g.
FROM python:3.11-slim

# g++ builds the compiled executor, and is what torch.compile calls.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends g++ && rm -rf /var/lib/apt/lists/*

COPY . /source
RUN pip install --no-cache-dir -c /source/bench/system/constraints/0.1.0.txt /source && rm -rf /source

WORKDIR /measured
ENTRYPOINT ["bench"]
CMD ["--help"]
