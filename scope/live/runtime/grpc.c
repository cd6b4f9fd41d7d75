#include "live/runtime/grpc.h"
#include "base/buf.h"
#include "live/runtime/runtime_priv.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <sys/socket.h>

/* A message has a byte that tells whether it is compressed, and its length, before it. */
enum { FRAME = 5, CALLS_MAX = 4, RECEIVED_MAX = 3 * REPLY_MAX };

/* A call that is under way. */
struct stream {
	struct grpc_call *call; /* NULL: it is over */
	int32_t id;
	struct buf request; /* with its frame */
	size_t sent;
};

struct grpc {
	nghttp2_session *session;
	int fd;
	struct stream streams[CALLS_MAX];
	size_t received; /* bytes */
	const char *why; /* why the connection is of no use; NULL: it is */
};

static struct stream *stream_of(struct grpc *grpc, int32_t id)
{
	for (size_t i = 0; i < CALLS_MAX; i++)
		if (grpc->streams[i].call && grpc->streams[i].id == id)
			return &grpc->streams[i];
	return NULL;
}

/* ---- what nghttp2 calls ---- */

static ssize_t on_send(nghttp2_session *session, const uint8_t *data, size_t len, int flags,
		       void *ctx)
{
	struct grpc *grpc = ctx;
	ssize_t n = send(grpc->fd, data, len, MSG_NOSIGNAL);

	return n >= 0 ? n : NGHTTP2_ERR_CALLBACK_FAILURE;
}

/* Gives nghttp2 the next bytes of a request. */
static ssize_t on_body(nghttp2_session *session, int32_t id, uint8_t *to, size_t size,
		       uint32_t *ret_flags, nghttp2_data_source *source, void *ctx)
{
	struct stream *stream = source->ptr;
	size_t left = stream->request.len - stream->sent;
	size_t n = left < size ? left : size;

	memcpy(to, stream->request.data + stream->sent, n);
	stream->sent += n;
	if (n == left)
		*ret_flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static bool is_name(const uint8_t *name, size_t len, const char *want)
{
	return len == strlen(want) && !memcmp(name, want, len);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t len, uint8_t flags, void *ctx)
{
	struct stream *stream = stream_of(ctx, frame->hd.stream_id);
	int status = 0;

	if (!stream || !is_name(name, name_len, "grpc-status"))
		return 0;
	for (size_t i = 0; i < len && i < 3; i++)
		status = value[i] >= '0' && value[i] <= '9' ? status * 10 + value[i] - '0'
							    : GRPC_UNKNOWN;
	stream->call->status = len ? status : GRPC_UNKNOWN;
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
		   size_t len, void *ctx)
{
	struct grpc *grpc = ctx;
	struct stream *stream = stream_of(grpc, id);

	if (!stream)
		return 0;
	buf_put(&stream->call->reply, data, len);
	if (!stream->call->reply.bad && stream->call->reply.len <= REPLY_MAX + FRAME)
		return 0;
	grpc->why = "its answer is too long";
	return NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t error_code, void *ctx)
{
	struct grpc *grpc = ctx;
	struct stream *stream = stream_of(grpc, id);

	if (!stream)
		return 0;
	if (error_code != NGHTTP2_NO_ERROR)
		grpc->why = "it breaks a call off";
	stream->call = NULL;
	buf_fini(&stream->request);
	return 0;
}

/* ---- the connection ---- */

static bool set_up(struct grpc *grpc)
{
	nghttp2_session_callbacks *callbacks = NULL;
	bool done;

	if (nghttp2_session_callbacks_new(&callbacks) != 0)
		return false;
	nghttp2_session_callbacks_set_send_callback(callbacks, on_send);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	done = nghttp2_session_client_new(&grpc->session, callbacks, grpc) == 0 &&
	       nghttp2_submit_settings(grpc->session, NGHTTP2_FLAG_NONE, NULL, 0) == 0;
	nghttp2_session_callbacks_del(callbacks);
	return done;
}

struct error *grpc_open(int fd, struct grpc **ret)
{
	cleanup(grpc_close) struct grpc *new = calloc(1, sizeof(*new));

	if (!new || !set_up(new))
		return error_nomem();
	new->fd = fd;
	*ret = take_ptr(new);
	return NULL;
}

void grpc_close(struct grpc *grpc)
{
	if (!grpc)
		return;
	for (size_t i = 0; i < CALLS_MAX; i++)
		buf_fini(&grpc->streams[i].request);
	nghttp2_session_del(grpc->session);
	free(grpc);
}

/* Sends what is to be sent, and reads once. */
static struct error *turn(struct grpc *grpc)
{
	static uint8_t bytes[64 << 10];
	ssize_t n;

	if (nghttp2_session_send(grpc->session) != 0)
		return error_new(ERROR_FAILED, "it takes no request");
	n = read(grpc->fd, bytes, sizeof(bytes));
	if (n < 0)
		return error_errno(ERROR_FAILED, errno, "it breaks off");
	if (n == 0)
		return error_new(ERROR_FAILED, "it ends the connection");
	grpc->received += (size_t)n;
	if (grpc->received > RECEIVED_MAX)
		return error_new(ERROR_FAILED, "its answer is too long");
	if (nghttp2_session_mem_recv(grpc->session, bytes, (size_t)n) < 0 || grpc->why)
		return error_new(ERROR_FAILED, "%s",
				 grpc->why ? grpc->why : "it does not speak HTTP/2, as CRI does");
	return NULL;
}

/* ---- calls ---- */

static struct error *begin(struct grpc *grpc, struct stream *stream, const char *service,
			   struct grpc_call *call)
{
	uint8_t frame[FRAME] = {0, (uint8_t)(call->request_len >> 24),
				(uint8_t)(call->request_len >> 16),
				(uint8_t)(call->request_len >> 8), (uint8_t)call->request_len};
	nghttp2_data_provider body = {.source.ptr = stream, .read_callback = on_body};
	char path[128];

#define HEADER(name, value) {(uint8_t *)(name), (uint8_t *)(value), strlen(name), strlen(value), 0}
	snprintf(path, sizeof(path), "/%s/%s", service, call->method);
	nghttp2_nv headers[] = {
		HEADER(":method", "POST"), HEADER(":scheme", "http"),
		HEADER(":path", path),	   HEADER(":authority", "localhost"),
		HEADER("te", "trailers"),  HEADER("content-type", "application/grpc"),
	};
#undef HEADER
	*stream = (struct stream){.call = call};
	call->status = GRPC_UNKNOWN;
	buf_reset(&call->reply);
	buf_put(&stream->request, frame, sizeof(frame));
	buf_put(&stream->request, call->request, call->request_len);
	stream->id = nghttp2_submit_request(grpc->session, NULL, headers, ARRAY_SIZE(headers),
					    &body, NULL);
	return stream->id < 0 || stream->request.bad ? error_nomem() : NULL;
}

static bool is_under_way(const struct grpc *grpc)
{
	for (size_t i = 0; i < CALLS_MAX; i++)
		if (grpc->streams[i].call)
			return true;
	return false;
}

/* Takes the frame from the message. */
static struct error *unframe(struct grpc_call *call)
{
	const uint8_t *at = (const uint8_t *)call->reply.data;
	size_t len;

	if (call->status != GRPC_OK)
		return NULL;
	if (call->reply.len < FRAME || at[0])
		return error_new(ERROR_FAILED, "its answer to %s is no message", call->method);
	len = (size_t)at[1] << 24 | (size_t)at[2] << 16 | (size_t)at[3] << 8 | at[4];
	if (len != call->reply.len - FRAME)
		return error_new(ERROR_FAILED, "its answer to %s has another length", call->method);
	memmove(call->reply.data, call->reply.data + FRAME, len);
	call->reply.len = len;
	return NULL;
}

struct error *grpc_do(struct grpc *grpc, const char *service, struct grpc_call *calls, size_t n)
{
	assert(n <= CALLS_MAX);
	for (size_t i = 0; i < n; i++)
		try(begin(grpc, &grpc->streams[i], service, &calls[i]));
	while (is_under_way(grpc))
		try(turn(grpc));
	for (size_t i = 0; i < n; i++)
		try(unframe(&calls[i]));
	return NULL;
}
