/* Shared by load generator and device: the value of a register, and the header of an ADU. */
#ifndef BENCHMARK_MODBUS_H
#define BENCHMARK_MODBUS_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* MODBUS Messaging on TCP/IP Implementation Guide V1.0b, 3.1.3: transaction, protocol, length, unit; at most 260 bytes */
enum { HEADER_LENGTH = 7, MAX_ADU = 260, MAX_READ_REGISTERS = 125, MAX_READ_BITS = 2000 };

/* Different at each address, so that an answer to another request is detected. */
static inline uint16_t register_value(unsigned address) { return (uint16_t)(address * 31u + 7u); }

static inline unsigned get16(const uint8_t *at) { return (unsigned)(at[0] << 8 | at[1]); }

static inline void put16(uint8_t *at, unsigned value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static inline void end_with_parent(void) {
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static inline void no_delay(int socket_fd) {
    int one = 1;
    setsockopt(socket_fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

#endif
