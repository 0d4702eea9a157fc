/*
 * channel.h - the control channel between the master and one child
 *
 * A SOCK_SEQPACKET pair: each packet is one message of message.h with its
 * descriptors. The child finds its end at CHANNEL_DESCRIPTOR.
 */
#ifndef POSTERN_COMMON_FRAME_CHANNEL_H
#define POSTERN_COMMON_FRAME_CHANNEL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/frame/message.h"

#define CHANNEL_DESCRIPTOR 3

/* Makes the pair, both ends non-blocking and close-on-exec. -1 with errno set. */
int channel_pair(int ends[2]);

struct channel_message {
	struct message_header header;
	uint8_t payload[MESSAGE_CONTROL_MAX];
	int descriptors[MESSAGE_DESCRIPTORS_MAX]; /* close-on-exec, the receiver's to close */
	int descriptor_count;
};

/*
 * Sends one message. `payload` is a writer that holds the payload (NULL for
 * none). Returns false with errno set (EAGAIN: the other side does not read;
 * EPIPE: it is gone). The descriptors stay open here.
 */
bool channel_send(int channel, enum message_type type, const struct wire_writer *payload,
		  const int *descriptors, int descriptor_count);

enum channel_result { CHANNEL_MESSAGE, CHANNEL_EMPTY, CHANNEL_CLOSED, CHANNEL_VIOLATION };

/*
 * Receives one message and checks it against the table. On anything but
 * CHANNEL_MESSAGE no descriptor is left open. CHANNEL_VIOLATION sets *problem.
 */
enum channel_result channel_receive(int channel, unsigned sender, unsigned receiver,
				    struct channel_message *message, struct problem *problem);

/* A reader over the payload of a received message. */
struct wire_reader channel_payload(const struct channel_message *message);

#endif
