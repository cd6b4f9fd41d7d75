#!/bin/sh
# Not even an ELF file: a tracer must look at the interpreter, and say that it is not a Go program.
echo ready
[ $# -gt 0 ] || read -r line
