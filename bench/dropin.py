"""How much faster programs run with `cnet.dropin`: ``python bench/record.py dropin``."""

import sys

import record

if __name__ == "__main__":
    record.main(["dropin", *sys.argv[1:]])
