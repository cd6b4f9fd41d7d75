/* The messages between the process that reads debug information and its parent, over one stream
 * socket. All numbers are little-endian. No file outside this room includes this.
 *
 *     parent: request     n u32, n x pc u64; or MESSAGE_VARIABLES u32, struct debuginfo_ask
 *     child:  size u32, then `size` bytes, the first of which is an enum message_kind:
 *
 *       WANTED            alternate u8, ordinal u8, id_n u8, id, name NUL-terminated
 *         parent: reply   found u8 (enum message_found), size u32, then `size` bytes of text: the
 *                         path, or the reason. With FOUND_FILE comes the descriptor.
 *       OPENED (once)     error text and separate path, each NUL-terminated ("" for none)
 *       ANSWER            for each pc of the request
 *                           miss u8 (enum debuginfo_miss), n u8, entry u64
 *                           n x { inlined u8, line u32, func NUL-terminated, file NUL-terminated }
 *                         for MESSAGE_VARIABLES: sizes 3 x u32; variables, types, fields (debuginfo_variables)
 */
#ifndef READ_DEBUGINFO_MESSAGE_H
#define READ_DEBUGINFO_MESSAGE_H

#include "base/base.h"

enum message_kind { MESSAGE_WANTED = 'w', MESSAGE_OPENED = 'o', MESSAGE_ANSWER = 'a' };
enum message_found { FOUND_NOTHING, FOUND_FILE, FOUND_REFUSED };

#define MESSAGE_MAX	  (1u << 30)
#define MESSAGE_VARIABLES UINT32_MAX

/* What an answer about variables has at most. */
enum {
	MESSAGE_VARIABLES_MAX = 1 << 18,
	MESSAGE_TYPES_MAX = 1 << 16,
	MESSAGE_FIELDS_MAX = 1 << 20, /* of all types */
};

bool message_write(int fd, const void *bytes, size_t size);
/* Reads exactly `size` bytes. until_ns is the time (now_ns()) up to which it waits for them; 0 waits without a limit. */
bool message_read(int fd, void *bytes, size_t size, uint64_t until_ns);
/* Sends the size of a message, and the message. */
bool message_put(int fd, const struct buf *message);

/* Send and receive one byte, and a descriptor (-1: none). *ret_passed becomes the caller's. */
bool message_pass(int fd, uint8_t byte, int passed);
bool message_take(int fd, uint8_t *ret_byte, int *ret_passed);

#endif
