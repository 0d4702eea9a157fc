/*
 * channel.c - the control channel between the master and one child
 *
 * Runs in: every process.  Privilege: that of the process.
 * Distrusts: what it receives, when it receives in the master.
 */
#include "common/frame/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for the descriptors of one packet, aligned as cmsg(3) wants it. */
union ancillary {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int) * MESSAGE_DESCRIPTORS_MAX)];
};

int channel_pair(int ends[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends);
}

static void attach(struct msghdr *packet, union ancillary *ancillary, const int *descriptors,
		   int count)
{
	size_t size = sizeof(int) * (size_t)count;
	struct cmsghdr *control;

	if (count == 0)
		return;
	memset(ancillary, 0, sizeof(*ancillary));
	packet->msg_control = ancillary->bytes;
	packet->msg_controllen = CMSG_SPACE(size);
	control = CMSG_FIRSTHDR(packet);
	control->cmsg_level = SOL_SOCKET;
	control->cmsg_type = SCM_RIGHTS;
	control->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(control), descriptors, size);
}

bool channel_send(int channel, enum message_type type, const struct wire_writer *payload,
		  const int *descriptors, int descriptor_count)
{
	uint8_t header[MESSAGE_HEADER_SIZE];
	union ancillary ancillary;
	struct iovec parts[2] = { { header, sizeof(header) }, { NULL, 0 } };
	struct msghdr packet = { .msg_iov = parts, .msg_iovlen = 2 };
	ssize_t sent;

	require(descriptor_count <= MESSAGE_DESCRIPTORS_MAX && !(payload && payload->failed));
	if (payload) {
		parts[1].iov_base = payload->bytes;
		parts[1].iov_len = payload->used;
	}
	message_put_header(header, type, (uint32_t)parts[1].iov_len);
	attach(&packet, &ancillary, descriptors, descriptor_count);
	do {
		sent = sendmsg(channel, &packet, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent >= 0;
}

/* Takes the descriptors out of a packet, all of them, also too many. */
static void collect(struct msghdr *packet, struct channel_message *message)
{
	struct cmsghdr *control;
	size_t size;

	message->descriptor_count = 0;
	for (control = CMSG_FIRSTHDR(packet); control; control = CMSG_NXTHDR(packet, control)) {
		if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
			continue;
		size = control->cmsg_len - CMSG_LEN(0);
		require(size <= sizeof(message->descriptors));
		memcpy(message->descriptors, CMSG_DATA(control), size);
		message->descriptor_count = (int)(size / sizeof(int));
	}
}

static enum channel_result violation(struct channel_message *message)
{
	for (int i = 0; i < message->descriptor_count; i++)
		close(message->descriptors[i]);
	message->descriptor_count = 0;
	return CHANNEL_VIOLATION;
}

static bool has_its_descriptors(const struct channel_message *message, struct problem *problem)
{
	const struct message_description *row = message_describe(message->header.type);

	if (message->header.type == MESSAGE_START ? message->descriptor_count <= row->descriptors
						  : message->descriptor_count == row->descriptors)
		return true;
	return problem_set(problem, "%s with %d descriptors", row->name, message->descriptor_count);
}

enum channel_result channel_receive(int channel, unsigned sender, unsigned receiver,
				    struct channel_message *message, struct problem *problem)
{
	uint8_t header[MESSAGE_HEADER_SIZE];
	union ancillary ancillary;
	struct iovec parts[2] = { { header, sizeof(header) },
				  { message->payload, sizeof(message->payload) } };
	struct msghdr packet = { .msg_iov = parts,
				 .msg_iovlen = 2,
				 .msg_control = ancillary.bytes,
				 .msg_controllen = sizeof(ancillary.bytes) };
	ssize_t length;

	do {
		length = recvmsg(channel, &packet, MSG_CMSG_CLOEXEC);
	} while (length < 0 && errno == EINTR);
	if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return CHANNEL_EMPTY;
	if (length <= 0)
		return CHANNEL_CLOSED;
	collect(&packet, message);
	if (packet.msg_flags & (MSG_TRUNC | MSG_CTRUNC) || length < MESSAGE_HEADER_SIZE) {
		problem_set(problem, "a packet cut short");
		return violation(message);
	}
	if (!message_get_header(header, sender, receiver, WAY_CONTROL, &message->header, problem))
		return violation(message);
	if (message->header.length != (size_t)length - MESSAGE_HEADER_SIZE) {
		problem_set(problem, "a packet of %zd bytes says it has %u", length,
			    message->header.length);
		return violation(message);
	}
	return has_its_descriptors(message, problem) ? CHANNEL_MESSAGE : violation(message);
}

struct wire_reader channel_payload(const struct channel_message *message)
{
	return (struct wire_reader){ message->payload, message->header.length, 0, false };
}
