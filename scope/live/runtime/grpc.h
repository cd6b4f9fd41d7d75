/* gRPC calls over one connection: HTTP/2 by nghttp2. No file outside this room includes this. */
#ifndef LIVE_RUNTIME_GRPC_H
#define LIVE_RUNTIME_GRPC_H

#include "base/base.h"
#include "base/buf_type.h"

enum { GRPC_OK = 0, GRPC_UNKNOWN = 2, GRPC_UNIMPLEMENTED = 12 };

struct grpc_call {
	const char *method;  /* "ListContainers" */
	const void *request; /* a message of protobuf */
	size_t request_len;
	struct buf reply; /* the message of the answer; the caller frees it */
	int status;	  /* a code of gRPC */
};

struct grpc;
/* Begins a connection over fd, which stays the caller's and must block. Errors: memory is out. */
struct error *grpc_open(int fd, struct grpc **ret);
/* Does n calls of a service at the same time, each of which gets one message. Errors: the other end does not
 * speak gRPC, sends too much, or ends. A status that is not GRPC_OK is no error. */
struct error *grpc_do(struct grpc *grpc, const char *service, struct grpc_call *calls, size_t n);
void grpc_close(struct grpc *grpc); /* NULL is legal */
CLEANUP_FUNC(struct grpc, grpc_close)

#endif
