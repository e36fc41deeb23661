/* Lets user-mode-linux run on a processor whose registers take more room than it has (AMX). It saves as many as fit and
 * writes those back; the host takes nothing but all of them. So what it does not know is added from what stands there.
 * It is loaded before the C library, in whose place it answers. */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PEEK_FIRST = 1, PEEK_LAST = 3, GETREGSET = 0x4204, SETREGSET = 0x4205, XSTATE = 0x202 };

static long ask(long request, long pid, void *addr, void *data)
{
	long value, is_peek = request >= PEEK_FIRST && request <= PEEK_LAST;
	long answer = syscall(SYS_ptrace, request, pid, addr, is_peek ? &value : data);

	if (!is_peek || answer < 0)
		return answer;
	errno = 0;
	return value;
}

long ptrace(long request, long pid, void *addr, void *data)
{
	static char room[64 * 1024];
	struct iovec *part = data, whole = { room, sizeof room };
	long answer;

	if ((request != GETREGSET && request != SETREGSET) || (long)addr != XSTATE)
		return ask(request, pid, addr, data);
	answer = ask(GETREGSET, pid, addr, &whole);
	if (answer < 0)
		return answer;
	if (part->iov_len > whole.iov_len)
		part->iov_len = whole.iov_len;
	if (request == GETREGSET) {
		memcpy(part->iov_base, room, part->iov_len);
		return answer;
	}
	memcpy(room, part->iov_base, part->iov_len);
	return ask(SETREGSET, pid, addr, &whole);
}
