/* A Modbus TCP device with very little CPU cost: one thread, epoll, any number of connections.
 *
 * It answers functions 1 to 4 with register_value(address), echoes functions 6 and 16, and answers all others with
 * exception 01. Requests may arrive split or joined; all requests of one read() are answered with one write().
 * It prints its port when it listens. Usage: device PORT [COUNT [changing]]   (0: the system chooses the port)
 * COUNT is the number of devices, on consecutive ports. With `changing` each register grows by one per second.
 */
#define _GNU_SOURCE
#include "modbus.h"

#include <time.h>

enum { READ_SIZE = 16384, ANSWER_SIZE = READ_SIZE / 12 * MAX_ADU + MAX_ADU, EVENTS = 256, MAX_FD = 65536 };

struct connection {
    size_t length; /* bytes of an unfinished request */
    uint8_t bytes[MAX_ADU];
};

static struct connection *connections[MAX_FD];
static uint8_t listens[MAX_FD];
static int changing;

static unsigned value_now(unsigned address) {
    struct timespec now = {0};
    if (changing) clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (register_value(address) + (unsigned)now.tv_sec) & 0xffff;
}

static size_t exception_pdu(const uint8_t *pdu, uint8_t *answer, uint8_t exception_code) {
    answer[0] = pdu[0] | 0x80;
    answer[1] = exception_code;
    return 2;
}

static size_t read_bits(const uint8_t *pdu, uint8_t *answer) {
    unsigned address = get16(pdu + 1), count = get16(pdu + 3), bytes = (count + 7) / 8;
    if (count < 1 || count > MAX_READ_BITS) return exception_pdu(pdu, answer, 3);
    answer[0] = pdu[0];
    answer[1] = (uint8_t)bytes;
    memset(answer + 2, 0, bytes);
    for (unsigned i = 0; i < count; i++) answer[2 + i / 8] |= (uint8_t)((register_value(address + i) >> 3 & 1) << i % 8);
    return 2 + bytes;
}

static size_t read_registers(const uint8_t *pdu, uint8_t *answer) {
    unsigned address = get16(pdu + 1), count = get16(pdu + 3);
    if (count < 1 || count > MAX_READ_REGISTERS) return exception_pdu(pdu, answer, 3);
    answer[0] = pdu[0];
    answer[1] = (uint8_t)(2 * count);
    unsigned grown = value_now(0) - register_value(0);
    for (unsigned i = 0; i < count; i++) put16(answer + 2 + 2 * i, register_value(address + i) + grown);
    return 2 + 2 * count;
}

static size_t answer_pdu(const uint8_t *pdu, size_t length, uint8_t *answer) {
    if (length >= 5) switch (pdu[0]) {
        case 1: case 2: return read_bits(pdu, answer);
        case 3: case 4: return read_registers(pdu, answer);
        case 6: case 16: memcpy(answer, pdu, 5); return 5;
    }
    return exception_pdu(pdu, answer, 1);
}

/* Returns how many bytes of `data` were whole requests, or -1 if `data` is not Modbus. */
static long answer_all(const uint8_t *data, size_t length, uint8_t *answers, size_t *answers_length) {
    size_t used = 0, filled = 0;
    while (length - used > HEADER_LENGTH) {
        const uint8_t *adu = data + used;
        size_t size = 6 + get16(adu + 4);
        if (get16(adu + 2) != 0 || size <= HEADER_LENGTH || size > MAX_ADU) return -1;
        if (length - used < size) break;
        uint8_t *answer = answers + filled;
        size_t pdu = answer_pdu(adu + HEADER_LENGTH, size - HEADER_LENGTH, answer + HEADER_LENGTH);
        memcpy(answer, adu, HEADER_LENGTH);
        put16(answer + 4, (unsigned)pdu + 1);
        filled += HEADER_LENGTH + pdu;
        used += size;
    }
    *answers_length = filled;
    return (long)used;
}

static int serve(int fd) {
    static uint8_t data[MAX_ADU + READ_SIZE], answers[2 * ANSWER_SIZE];
    struct connection *connection = connections[fd];
    memcpy(data, connection->bytes, connection->length);
    ssize_t received = recv(fd, data + connection->length, READ_SIZE, 0);
    if (received <= 0) return received < 0 && errno == EAGAIN;
    size_t length = connection->length + (size_t)received, filled = 0;
    long used = answer_all(data, length, answers, &filled);
    if (used < 0) return 0;
    connection->length = length - (size_t)used;
    memcpy(connection->bytes, data + used, connection->length);
    /* The socket buffer holds the answers of many reads; a peer that does not read is disconnected. */
    return filled == 0 || send(fd, answers, filled, MSG_NOSIGNAL) == (ssize_t)filled;
}

static void accept_all(int listener, int epoll) {
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        if (fd >= MAX_FD || !(connections[fd] = calloc(1, sizeof **connections))) {
            close(fd);
            continue;
        }
        no_delay(fd);
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.fd = fd});
    }
}

static int listen_on(unsigned port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t length = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (void *)&address, length) || listen(fd, 4096) || getsockname(fd, (void *)&address, &length)) fail("listen");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void listen_in_a_row(unsigned port, unsigned count, int epoll) {
    for (unsigned i = 0; i < count; i++) {
        int listener = listen_on(port ? port + i : 0);
        listens[listener] = 1;
        epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &(struct epoll_event){.events = EPOLLIN, .data.fd = listener});
    }
}

int main(int argc, char **argv) {
    end_with_parent();
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event events[EVENTS];
    changing = argc > 3;
    listen_in_a_row(argc > 1 ? (unsigned)atoi(argv[1]) : 0, argc > 2 ? (unsigned)atoi(argv[2]) : 1, epoll);
    for (;;) {
        int ready = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (listens[fd]) {
                accept_all(fd, epoll);
            } else if (!serve(fd)) {
                free(connections[fd]);
                connections[fd] = NULL;
                close(fd);
            }
        }
    }
}
