/*
 * delivery.c - postern-delivery, started as the master starts it
 *
 * Runs in: postern prove.  Privilege: the mail user's, or that of the caller.
 * Distrusts: the delivery program: it may be one that the caller names.
 */
#include "control/delivery.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/frame/channel.h"
#include "common/remember/remember.h"
#include "control/filter.h"

#define FRAME_MAX 64
#define STOP_SECONDS 10
#define PIPE_SIZE (1024 * 1024) /* all messages that are sent together fit */

enum { READ_END, WRITE_END };

/* ---- the child ---- */

/* Between fork and exec only async-signal-safe functions: what failed comes by the pipe. */
static _Noreturn void give_up(int report, const char *what)
{
	char text[128] = "";
	int error = errno;

	strncat(text, what, sizeof(text) - 1);
	(void)!write(report, &error, sizeof(error));
	(void)!write(report, text, strlen(text));
	_exit(127);
}

static bool arrange_descriptors(int channel, int log, int report)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	return null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(log, STDOUT_FILENO) >= 0 &&
	       dup2(log, STDERR_FILENO) >= 0 &&
	       (channel == CHANNEL_DESCRIPTOR ? fcntl(channel, F_SETFD, 0) == 0
					      : dup2(channel, CHANNEL_DESCRIPTOR) >= 0) &&
	       fcntl(report, F_SETFD, FD_CLOEXEC) == 0;
}

static _Noreturn void become_delivery(const struct delivery_settings *settings,
				      enum delivery_kind kind, int channel, int report)
{
	char *arguments[] = { (char *)(uintptr_t)settings->program, NULL };
	char *environment[] = { NULL };
	sigset_t none;

	sigemptyset(&none);
	if (!arrange_descriptors(channel, settings->log, report))
		give_up(report, "descriptors of delivery");
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || sigprocmask(SIG_SETMASK, &none, NULL) != 0)
		give_up(report, "signals of delivery");
	if (!filter_install(kind == DELIVERY_FAST))
		give_up(report, "this system allows no filter of system calls (seccomp)");
	if (kind == DELIVERY_TRACED && ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
		give_up(report, "this system does not allow to trace a process (ptrace)");
	execve(settings->program, arguments, environment);
	give_up(report, settings->program);
}

/* Nothing comes when the exec has closed the pipe. */
static bool has_become(int report, struct problem *problem)
{
	char text[256] = "";
	int error = 0;
	ssize_t length = read(report, &error, sizeof(error));

	if (length == 0)
		return true;
	length = read(report, text, sizeof(text) - 1);
	errno = error;
	return problem_errno(problem, "%s", length > 0 ? text : "delivery");
}

/* ---- START and PIPES ---- */

static bool send_start(const struct delivery *delivery, const struct delivery_settings *settings,
		       int mail_root, int remember)
{
	const struct message_start start = { .serial = 1 };
	const int descriptors[START_DESCRIPTORS_DELIVERY] = {
		[START_CONFIGURATION] = settings->configuration,
		[START_TABLES] = settings->tables,
		[START_LOG] = settings->log,
		[START_MAIL_ROOT] = mail_root,
		[START_REMEMBER] = remember,
	};
	uint8_t bytes[MESSAGE_CONTROL_MAX];
	struct wire_writer payload = { bytes, sizeof(bytes), 0, false };

	message_put_start(&payload, &start);
	return channel_send(delivery->channel, MESSAGE_START, &payload, descriptors,
			    START_DESCRIPTORS_DELIVERY);
}

/* What is in memory is not there any more after a crash: each of them gets an empty one. */
static bool hand_over(const struct delivery *delivery, const struct delivery_settings *settings,
		      int mail_root, struct problem *problem)
{
	int remember = remember_make(problem);
	bool sent;

	if (remember < 0)
		return false;
	sent = send_start(delivery, settings, mail_root, remember) ||
	       problem_errno(problem, "delivery's control channel");
	close(remember);
	return sent;
}

static bool send_pipes(const struct delivery *delivery, int reads, int writes)
{
	const struct message_pipes pipes = { .serial = 2 };
	const int descriptors[] = { reads, writes };
	uint8_t bytes[MESSAGE_CONTROL_MAX];
	struct wire_writer payload = { bytes, sizeof(bytes), 0, false };

	message_put_pipes(&payload, &pipes);
	return channel_send(delivery->channel, MESSAGE_PIPES, &payload, descriptors, 2);
}

static void close_both(const int pipe[2])
{
	close(pipe[READ_END]);
	close(pipe[WRITE_END]);
}

static bool connect_pipes(struct delivery *delivery, struct problem *problem)
{
	int messages[2], verdicts[2];
	bool sent;

	if (pipe2(messages, O_CLOEXEC | O_NONBLOCK) != 0)
		return problem_errno(problem, "pipe");
	if (pipe2(verdicts, O_CLOEXEC | O_NONBLOCK) != 0) {
		close_both(messages);
		return problem_errno(problem, "pipe");
	}
	(void)fcntl(messages[WRITE_END], F_SETPIPE_SZ, PIPE_SIZE);
	sent = send_pipes(delivery, messages[READ_END], verdicts[WRITE_END]);
	delivery->messages = messages[WRITE_END];
	delivery->verdicts = verdicts[READ_END];
	close(messages[READ_END]);
	close(verdicts[WRITE_END]);
	return sent || problem_errno(problem, "delivery's control channel");
}

/* ---- from outside ---- */

/* The parent's side: the child's end of everything is closed. */
static bool fork_delivery(struct delivery *delivery, const struct delivery_settings *settings,
			  enum delivery_kind kind, struct problem *problem)
{
	int ends[2], report[2];
	bool became;

	if (channel_pair(ends) != 0)
		return problem_errno(problem, "control channel");
	delivery->channel = ends[0];
	if (pipe2(report, O_CLOEXEC) != 0) {
		close(ends[1]);
		return problem_errno(problem, "pipe");
	}
	delivery->pid = fork();
	if (delivery->pid == 0)
		become_delivery(settings, kind, ends[1], report[WRITE_END]);
	close(ends[1]);
	close(report[WRITE_END]);
	became = delivery->pid > 0 ? has_become(report[READ_END], problem)
				   : problem_errno(problem, "fork");
	close(report[READ_END]);
	return became;
}

bool delivery_start(struct delivery *delivery, const struct delivery_settings *settings,
		    enum delivery_kind kind, int mail_root, struct problem *problem)
{
	*delivery = (struct delivery){ .channel = -1, .messages = -1, .verdicts = -1 };
	if (fork_delivery(delivery, settings, kind, problem) &&
	    hand_over(delivery, settings, mail_root, problem) && connect_pipes(delivery, problem))
		return true;
	delivery_drop(delivery);
	return false;
}

static bool wait_readable(int descriptor, int seconds)
{
	struct pollfd wanted = { descriptor, POLLIN, 0 };

	return poll(&wanted, 1, seconds * 1000) == 1;
}

/* The next message of the channel, or what else becomes of it, within the time. */
static enum channel_result next_message(struct delivery *delivery, int seconds,
					struct channel_message *message, struct problem *problem)
{
	if (!wait_readable(delivery->channel, seconds))
		return CHANNEL_EMPTY;
	return channel_receive(delivery->channel, FROM_DELIVERY, TO_MASTER, message, problem);
}

bool delivery_wait_ready(struct delivery *delivery, int seconds, struct problem *problem)
{
	struct channel_message message;
	enum channel_result result;

	while ((result = next_message(delivery, seconds, &message, problem)) == CHANNEL_MESSAGE)
		if (message.header.type == MESSAGE_READY)
			return true;
	if (result == CHANNEL_VIOLATION)
		return false;
	return problem_set(problem,
			   result == CHANNEL_EMPTY ? "delivery is not ready after %d seconds"
						   : "delivery ends at its start",
			   seconds);
}

bool delivery_send_stop(struct delivery *delivery, struct problem *problem)
{
	const struct message_deadline deadline = { .seconds = STOP_SECONDS };
	uint8_t bytes[MESSAGE_CONTROL_MAX];
	struct wire_writer payload = { bytes, sizeof(bytes), 0, false };

	message_put_deadline(&payload, &deadline);
	return channel_send(delivery->channel, MESSAGE_STOP, &payload, NULL, 0) ||
	       problem_errno(problem, "delivery's control channel");
}

bool delivery_wait_end(struct delivery *delivery, int seconds, struct problem *problem)
{
	struct channel_message message;
	enum channel_result result;
	int status = 0;

	while ((result = next_message(delivery, seconds, &message, problem)) == CHANNEL_MESSAGE)
		continue;
	if (result != CHANNEL_CLOSED)
		return result != CHANNEL_VIOLATION &&
		       problem_set(problem, "delivery does not end within %d seconds", seconds);
	while (waitpid(delivery->pid, &status, 0) < 0 && errno == EINTR)
		continue;
	delivery->pid = 0;
	if (WIFSIGNALED(status))
		return problem_set(problem, "delivery was ended by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status) == 0 ||
	       problem_set(problem, "delivery ended with status %d", WEXITSTATUS(status));
}

static void close_opened(int *descriptor)
{
	if (*descriptor >= 0)
		close(*descriptor);
	*descriptor = -1;
}

void delivery_drop(struct delivery *delivery)
{
	close_opened(&delivery->channel);
	close_opened(&delivery->messages);
	close_opened(&delivery->verdicts);
	if (delivery->pid <= 0)
		return;
	kill(delivery->pid, SIGKILL);
	while (waitpid(delivery->pid, NULL, __WALL) < 0 && errno == EINTR)
		continue;
	delivery->pid = 0;
}

/*
 * One frame; what is written at once is shorter than PIPE_BUF, so that a frame is there whole
 * or not at all. 1, 0: there is none, -1 with *problem set.
 */
static int next_frame(int pipe, struct message_header *header, uint8_t payload[FRAME_MAX],
		      struct problem *problem)
{
	uint8_t bytes[MESSAGE_HEADER_SIZE];
	ssize_t length = read(pipe, bytes, sizeof(bytes));

	if (length < 0 && errno == EAGAIN)
		return 0;
	if (length == (ssize_t)sizeof(bytes) &&
	    message_get_header(bytes, FROM_DELIVERY, TO_WORKER, WAY_PIPE, header, problem) &&
	    header->length <= FRAME_MAX &&
	    read(pipe, payload, header->length) == (ssize_t)header->length)
		return 1;
	problem_set(problem, length == 0 ? "delivery has closed its pipe"
					 : "delivery has sent something that is no frame");
	return -1;
}

int delivery_next_verdict(struct delivery *delivery, int seconds, struct message_verdict *verdict,
			  struct problem *problem)
{
	uint8_t payload[FRAME_MAX];
	struct message_header header;
	struct wire_reader reader;
	int result;

	for (;;) {
		if (seconds > 0 && !wait_readable(delivery->verdicts, seconds))
			return 0;
		result = next_frame(delivery->verdicts, &header, payload, problem);
		if (result <= 0)
			return result;
		reader = (struct wire_reader){ payload, header.length, 0, false };
		if (header.type != MESSAGE_VERDICT)
			continue; /* a word about itself */
		if (message_get_verdict(&reader, verdict))
			return 1;
		problem_set(problem, "delivery has sent a malformed verdict");
		return -1;
	}
}
