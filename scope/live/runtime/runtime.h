/* runtime: asks container runtimes, through their sockets, which containers run.
 *
 *   known.c    the runtimes: where their state and their sockets are; opens a socket
 *   ask.c      asks several sockets at once, each through a child process
 *   child.c    the child, which gives up its rights, asks, and passes the answer on in a form of its own
 *   answer.c   that form: written by the child, read by the parent
 *   docker.c   Docker's HTTP API, which podman has as well
 *   cri.c      CRI, which containerd and CRI-O have; cri.proto: its messages; grpc.c: how they travel
 *
 * What a runtime answers is foreign: it is bounded in time and size, and parsed without rights.
 *
 * To add a protocol: enum runtime_protocol, the child, and a file with its parser.
 */
#ifndef LIVE_RUNTIME_RUNTIME_H
#define LIVE_RUNTIME_RUNTIME_H

#include "base/base.h"

#include <sys/types.h>

enum {
	RUNTIME_SECONDS = 5,	       /* how long all sockets together have time to answer */
	RUNTIME_CONTAINERS_MAX = 4096, /* of one socket; more are an error */
	RUNTIME_TEXT_MAX = 255,	       /* bytes of a text that are kept */
	RUNTIME_ID_DIGITS = 64,
};

enum runtime_protocol {
	RUNTIME_DOCKER, /* HTTP/1 and JSON */
	RUNTIME_CRI,	/* gRPC */
};

/* A runtime that is known.
 *
 * To add one: a row in known.c. */
struct runtime {
	const char *name;  /* "docker" */
	const char *state; /* the folder in which it keeps its state */
	enum runtime_protocol protocol;
	/* Patterns of its sockets, NULL-terminated. A star stands for the id of a user, whose own
	 * runtime it is. */
	const char *const *sockets;
};
/* Returns number i of the runtimes, from 0, or NULL after the last. */
const struct runtime *runtime_at(size_t i);

/* A running container, as its runtime tells. Each text is NULL if it does not tell it. */
struct runtime_container {
	const char *runtime; /* "docker"; static */
	uid_t owner;	     /* whose runtime tells it: 0, or the user who has it */
	char *id;	     /* 64 hexadecimal digits; never NULL */
	char *name, *image;
	char *pod, *namespace, *part; /* in Kubernetes; part: its name in the pod */
	bool sandbox;		      /* it only holds the pod's namespaces */
};

void runtime_container_fini(struct runtime_container *container);

/* A socket that was asked. */
struct runtime_socket {
	const struct runtime *of;
	char *path;
	uid_t owner;	   /* as above */
	size_t containers; /* that it told */
	char *why;	   /* why it has told none, one line; NULL if it has answered */
	bool idle;	   /* that is because nobody listens there */
};

struct runtime_told {
	VEC(struct runtime_socket) sockets;
	VEC(struct runtime_container) containers;
};

/* Asks all sockets that are there, at the same time, or only the one with this path, in each protocol. A socket
 * that does not answer is not an error: its `why` tells it. Takes at most RUNTIME_SECONDS. The caller frees *ret with
 * runtime_told_fini(). Errors (ERROR_FAILED): no memory, no process. */
struct error *runtime_ask(const char *path, struct runtime_told *ret);
void runtime_told_fini(struct runtime_told *told);
CLEANUP_VALUE(struct runtime_told, runtime_told_fini)

#endif
