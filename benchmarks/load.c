/* The load generator: one thread, epoll, N connections (plain, or mutual TLS 1.3), each with `window` requests outstanding.
 *
 * load   closed loop: the next request follows each answer, for `seconds` after `warmup`. One connection with a window
 *        of one measures latency.
 * hold   opens N connections and keeps them idle until a byte arrives on stdin, then prints how many are still open.
 *
 * A connection counts as open after the answer to its first request: in TLS 1.3 a server can refuse a client certificate
 * after the handshake has ended for the client. Each connection reads its own address, and each answer is compared byte by
 * byte with register_value(). One wrong, missing or surplus answer ends the run with status 1, so printed figures contain
 * right answers only. CPU time of the processes in --account is read from /proc/PID/stat (user and system, all threads) at
 * the start and the end of the measured window. Latencies are counted in buckets of 1.6 %.
 */
#define _GNU_SOURCE
#include "modbus.h"
#include <getopt.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <time.h>

enum { EVENTS = 512, MAX_WINDOW = 64, MAX_ACCOUNTS = 64, REQUEST_LENGTH = 12, READ_SIZE = 16384, TIMEOUT_MS = 10000 };
enum { SUB_BUCKETS = 64, BUCKETS = 42 * SUB_BUCKETS };

enum state { CLOSED, CONNECTING, HANDSHAKING, AWAITING_FIRST_ANSWER, OPEN };

struct outstanding {
    int64_t sent_ns; /* 0: free */
    unsigned transaction_id;
};

struct connection {
    enum state state;
    int fd;
    SSL *ssl;
    unsigned next_transaction_id;
    unsigned input_length, output_length;
    unsigned address;
    struct outstanding window[MAX_WINDOW];
    uint8_t input[MAX_ADU];
    uint8_t output[MAX_WINDOW * REQUEST_LENGTH];
};

static struct {
    const char *host, *ca, *certificate, *key;
    int port, connections, window, unit, address, count, spread, opening, tls;
    double seconds, warmup;
    int accounts[MAX_ACCOUNTS], account_count;
} options = {.host = "127.0.0.1", .connections = 1, .window = 1, .unit = 1, .count = 10, .spread = 100, .opening = 16, .seconds = 5, .warmup = 1};

static struct connection *connections;
static SSL_CTX *tls_context;
static int epoll_fd, open_count, closed_count, certificate_requests, resumed_sessions, sending, measuring;
static uint64_t transactions, histogram[BUCKETS];
static int64_t longest_ns, outstanding_count;
static char tls_description[200] = "null";

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static _Noreturn void wrong(struct connection *connection, const char *what) {
    fprintf(stderr, "connection %ld of %d: %s\n", (long)(connection - connections), options.connections, what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

/* ---- latency ---- */

static void record(int64_t ns) {
    if (ns < 1) ns = 1;
    if (ns > longest_ns) longest_ns = ns;
    int shift = 63 - __builtin_clzll((uint64_t)ns) - 6;
    if (shift < 0) shift = 0;
    int64_t index = (int64_t)shift * SUB_BUCKETS + (ns >> shift);
    histogram[index < BUCKETS ? index : BUCKETS - 1]++;
    transactions++;
}

static double percentile_us(double fraction) {
    uint64_t wanted = (uint64_t)(fraction * (double)transactions), seen = 0;
    for (int index = 0; index < BUCKETS; index++) {
        if ((seen += histogram[index]) <= wanted) continue;
        int shift = index < 2 * SUB_BUCKETS ? 0 : index / SUB_BUCKETS - 1;
        return ((double)(index - shift * SUB_BUCKETS) + 0.5) * (double)(1LL << shift) / 1000;
    }
    return 0;
}

/* ---- requests and answers ---- */

static void add_request(struct connection *connection, int64_t now) {
    struct outstanding *slot = connection->window;
    while (slot->sent_ns) slot++;
    *slot = (struct outstanding){.sent_ns = now, .transaction_id = connection->next_transaction_id++ & 0xFFFF};
    uint8_t *adu = connection->output + connection->output_length;
    put16(adu, slot->transaction_id);
    put16(adu + 2, 0);
    put16(adu + 4, 6);
    adu[6] = (uint8_t)options.unit;
    adu[7] = 3;
    put16(adu + 8, connection->address);
    put16(adu + 10, (unsigned)options.count);
    connection->output_length += REQUEST_LENGTH;
    outstanding_count++;
}

static void flush(struct connection *connection) {
    int length = (int)connection->output_length;
    if (!length) return;
    connection->output_length = 0;
    int sent = connection->ssl ? SSL_write(connection->ssl, connection->output, length)
                               : (int)send(connection->fd, connection->output, (size_t)length, MSG_NOSIGNAL);
    if (sent != length) wrong(connection, "the peer closed the connection or does not read");
}

static void check_values(struct connection *connection, const uint8_t *adu, size_t length) {
    size_t expected = HEADER_LENGTH + 2 + 2 * (size_t)options.count;
    if (adu[7] & 0x80) wrong(connection, adu[8] == 6 ? "exception 06: busy" : "an unexpected exception");
    if (length != expected || adu[6] != options.unit || adu[7] != 3 || adu[8] != 2 * options.count) wrong(connection, "an answer with wrong unit, function or length");
    for (int i = 0; i < options.count; i++)
        if (get16(adu + 9 + 2 * i) != register_value(connection->address + (unsigned)i)) wrong(connection, "a wrong value");
}

static void take_answer(struct connection *connection, const uint8_t *adu, size_t length, int64_t now) {
    struct outstanding *slot = connection->window, *end = slot + options.window;
    while (slot < end && (!slot->sent_ns || slot->transaction_id != get16(adu))) slot++;
    if (slot == end) wrong(connection, "an answer without a request");
    check_values(connection, adu, length);
    if (measuring) record(now - slot->sent_ns);
    slot->sent_ns = 0;
    outstanding_count--;
    if (connection->state == AWAITING_FIRST_ANSWER) {
        connection->state = OPEN;
        open_count++;
    }
    if (sending) add_request(connection, now);
}

static void take_bytes(struct connection *connection, const uint8_t *data, size_t length) {
    int64_t now = now_ns();
    while (length) {
        size_t have = connection->input_length, size = have < 6 ? 6 : 6 + get16(connection->input + 4);
        if (size < 6 || size > MAX_ADU) wrong(connection, "an answer with an invalid length");
        size_t part = size - have < length ? size - have : length;
        memcpy(connection->input + have, data, part);
        connection->input_length += (unsigned)part;
        data += part;
        length -= part;
        if (connection->input_length < 9 || connection->input_length != 6 + get16(connection->input + 4)) continue;
        if (get16(connection->input + 2) != 0) wrong(connection, "a wrong protocol identifier");
        take_answer(connection, connection->input, connection->input_length, now);
        connection->input_length = 0;
    }
    flush(connection);
}

/* ---- connections ---- */

static void watch(struct connection *connection, int operation, uint32_t events) {
    epoll_ctl(epoll_fd, operation, connection->fd, &(struct epoll_event){.events = events, .data.ptr = connection});
}

static void open_connection(struct connection *connection) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
    inet_pton(AF_INET, options.host, &address.sin_addr);
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->fd < 0) fail("socket");
    no_delay(connection->fd);
    if (connect(connection->fd, (void *)&address, sizeof address) && errno != EINPROGRESS) fail("connect");
    connection->state = CONNECTING;
    connection->address = (unsigned)(options.address + (connection - connections) % options.spread);
    connection->next_transaction_id = (unsigned)(connection - connections) * 257;
    watch(connection, EPOLL_CTL_ADD, EPOLLOUT);
}

static void send_first_request(struct connection *connection) {
    connection->state = AWAITING_FIRST_ANSWER;
    watch(connection, EPOLL_CTL_MOD, EPOLLIN);
    add_request(connection, now_ns());
    flush(connection);
}

static void shake_hands(struct connection *connection) {
    int result = SSL_connect(connection->ssl);
    if (result == 1) {
        resumed_sessions += SSL_session_reused(connection->ssl);
        snprintf(tls_description, sizeof tls_description, "{\"version\": \"%s\", \"cipher\": \"%s\", \"group\": \"%s\"}", SSL_get_version(connection->ssl),
                 SSL_get_cipher(connection->ssl), SSL_group_to_name(connection->ssl, (int)SSL_get_negotiated_group(connection->ssl)));
        send_first_request(connection);
        return;
    }
    int reason = SSL_get_error(connection->ssl, result);
    if (reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE) wrong(connection, "the TLS handshake failed");
    watch(connection, EPOLL_CTL_MOD, reason == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLOUT);
}

static void connected(struct connection *connection) {
    int error = 0;
    getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof error});
    if (error) wrong(connection, strerror(error));
    if (!tls_context) {
        send_first_request(connection);
        return;
    }
    connection->ssl = SSL_new(tls_context);
    SSL_set_fd(connection->ssl, connection->fd);
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(connection->ssl), options.host);
    connection->state = HANDSHAKING;
    shake_hands(connection);
}

static void close_connection(struct connection *connection) {
    if (sending || connection->state != OPEN) wrong(connection, "the peer closed the connection");
    connection->state = CLOSED;
    close(connection->fd);
    closed_count++;
}

static void read_some(struct connection *connection) {
    static uint8_t data[READ_SIZE];
    do {
        int length = connection->ssl ? SSL_read(connection->ssl, data, READ_SIZE) : (int)recv(connection->fd, data, READ_SIZE, 0);
        if (length > 0) {
            take_bytes(connection, data, (size_t)length);
        } else if (connection->ssl ? SSL_get_error(connection->ssl, length) == SSL_ERROR_WANT_READ : length < 0 && errno == EAGAIN) {
            return;
        } else {
            close_connection(connection);
            return;
        }
    } while (connection->ssl && SSL_has_pending(connection->ssl));
}

/* One turn of the loop. Events with a null pointer belong to stdin. Returns false if nothing happened for `timeout_ms`. */
static int turn(int timeout_ms, int *stdin_ready) {
    static struct epoll_event events[EVENTS];
    int ready = epoll_wait(epoll_fd, events, EVENTS, timeout_ms);
    for (int i = 0; i < ready; i++) {
        struct connection *connection = events[i].data.ptr;
        if (!connection) *stdin_ready = 1;
        else if (connection->state == CONNECTING) connected(connection);
        else if (connection->state == HANDSHAKING) shake_hands(connection);
        else read_some(connection);
    }
    return ready > 0;
}

static double open_all(void) {
    int64_t began = now_ns();
    for (int started = 0; open_count < options.connections;) {
        while (started < options.connections && started - open_count < options.opening) open_connection(connections + started++);
        if (!turn(TIMEOUT_MS, NULL)) {
            fprintf(stderr, "%d of %d connections opened, then no progress\n", open_count, options.connections);
            exit(1);
        }
    }
    return (double)(now_ns() - began) / 1e9;
}

/* ---- modes ---- */

static double cpu_seconds(int process) {
    char path[64], text[1024];
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", process);
    FILE *file = fopen(path, "r");
    if (!file || !fgets(text, sizeof text, file)) fail(path);
    fclose(file);
    /* proc(5): the state follows the last ')' of the name; utime is 11 fields after the state */
    sscanf(strrchr(text, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static void read_accounts(double sign, double *accounts) {
    for (int i = 0; i < options.account_count; i++) accounts[i] += sign * cpu_seconds(options.accounts[i]);
    accounts[options.account_count] += sign * cpu_seconds(getpid());
}

static void run_until(int64_t end_ns) {
    while (now_ns() < end_ns)
        if (!turn(TIMEOUT_MS, NULL)) wrong(connections, "no answer on any connection");
}

static void load(double opened_s) {
    double accounts[MAX_ACCOUNTS + 1] = {0};
    sending = 1;
    for (int i = 0; i < options.connections; i++) {
        for (int j = 0; j < options.window; j++) add_request(connections + i, now_ns());
        flush(connections + i);
    }
    run_until(now_ns() + (int64_t)(options.warmup * 1e9));
    read_accounts(-1, accounts);
    measuring = 1;
    int64_t began = now_ns();
    run_until(began + (int64_t)(options.seconds * 1e9));
    double seconds = (double)(now_ns() - began) / 1e9;
    measuring = sending = 0;
    read_accounts(1, accounts);
    while (outstanding_count)
        if (!turn(TIMEOUT_MS, NULL)) wrong(connections, "a request was never answered");
    printf("{\"transactions\": %llu, \"seconds\": %.6f, \"connections\": %d, \"window\": %d,\n", (unsigned long long)transactions, seconds,
           options.connections, options.window);
    printf(" \"latency_us\": {\"p50\": %.1f, \"p99\": %.1f, \"max\": %.1f},\n", percentile_us(0.5), percentile_us(0.99), (double)longest_ns / 1000);
    printf(" \"opened_s\": %.3f, \"certificate_requests\": %d, \"resumed\": %d, \"tls\": %s,\n", opened_s, certificate_requests, resumed_sessions, tls_description);
    printf(" \"own_cpu_s\": %.2f, \"cpu_s\": [", accounts[options.account_count]);
    for (int i = 0; i < options.account_count; i++) printf("%s%.2f", i ? ", " : "", accounts[i]);
    printf("]}\n");
}

static void hold(double opened_s) {
    int stdin_ready = 0;
    printf("{\"held\": %d, \"opened_s\": %.3f, \"certificate_requests\": %d, \"tls\": %s}\n", open_count, opened_s, certificate_requests, tls_description);
    fflush(stdout);
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &(struct epoll_event){.events = EPOLLIN});
    while (!stdin_ready) turn(-1, &stdin_ready);
    epoll_ctl(epoll_fd, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
    while (turn(0, NULL)) continue;
    printf("{\"still_held\": %d}\n", open_count - closed_count);
}

/* ---- start ---- */

static int on_certificate_request(SSL *ssl, void *unused) {
    (void)ssl, (void)unused;
    certificate_requests++; /* SSL_CTX_set_cert_cb: on a client, called when the server requests a certificate */
    return 1;
}

static void build_tls(int small) {
    tls_context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(tls_context, TLS1_3_VERSION);
    SSL_CTX_set_session_cache_mode(tls_context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(tls_context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_read_ahead(tls_context, 1);
    if (small) SSL_CTX_set_mode(tls_context, SSL_MODE_RELEASE_BUFFERS);
    if (!SSL_CTX_set_ciphersuites(tls_context, "TLS_AES_128_GCM_SHA256") || !SSL_CTX_load_verify_locations(tls_context, options.ca, NULL) ||
        SSL_CTX_use_certificate_chain_file(tls_context, options.certificate) != 1 || SSL_CTX_use_PrivateKey_file(tls_context, options.key, SSL_FILETYPE_PEM) != 1) {
        ERR_print_errors_fp(stderr);
        exit(1);
    }
    SSL_CTX_set_cert_cb(tls_context, on_certificate_request, NULL);
}

static void usage(void) {
    fputs("usage: load load|hold --port P [--host A] [--connections N] [--window K] [--seconds S] [--warmup S] [--account PID]...\n"
          "       [--unit U] [--address A] [--count N] [--spread N] [--opening N] [--ca FILE --certificate FILE --key FILE]\n", stderr);
    exit(2);
}

static void parse(int argc, char **argv) {
    static const struct option known[] = {
        {"host", 1, 0, 'h'}, {"port", 1, 0, 'p'}, {"connections", 1, 0, 'n'}, {"window", 1, 0, 'w'}, {"seconds", 1, 0, 's'},
        {"warmup", 1, 0, 'u'}, {"account", 1, 0, 'a'}, {"unit", 1, 0, 'i'}, {"address", 1, 0, 'd'}, {"count", 1, 0, 'c'},
        {"spread", 1, 0, 'r'}, {"opening", 1, 0, 'o'}, {"ca", 1, 0, 'C'}, {"certificate", 1, 0, 'X'}, {"key", 1, 0, 'K'}, {0}};
    for (int letter; (letter = getopt_long(argc, argv, "", known, NULL)) != -1;) switch (letter) {
        case 'h': options.host = optarg; break;
        case 'p': options.port = atoi(optarg); break;
        case 'n': options.connections = atoi(optarg); break;
        case 'w': options.window = atoi(optarg); break;
        case 's': options.seconds = atof(optarg); break;
        case 'u': options.warmup = atof(optarg); break;
        case 'a':
            if (options.account_count == MAX_ACCOUNTS) usage();
            options.accounts[options.account_count++] = atoi(optarg);
            break;
        case 'i': options.unit = atoi(optarg); break;
        case 'd': options.address = atoi(optarg); break;
        case 'c': options.count = atoi(optarg); break;
        case 'r': options.spread = atoi(optarg); break;
        case 'o': options.opening = atoi(optarg); break;
        case 'C': options.ca = optarg; break;
        case 'X': options.certificate = optarg; break;
        case 'K': options.key = optarg; break;
        default: usage();
    }
    int is_valid = options.port > 0 && options.connections > 0 && options.window > 0 && options.window <= MAX_WINDOW && options.count > 0 &&
                 options.count <= MAX_READ_REGISTERS && options.spread > 0 && options.opening > 0 && optind == argc - 1;
    if (!is_valid || !options.ca != !options.certificate || !options.ca != !options.key) usage();
}

int main(int argc, char **argv) {
    end_with_parent();
    parse(argc, argv);
    int holds = !strcmp(argv[optind], "hold");
    if (!holds && strcmp(argv[optind], "load")) usage();
    if (options.ca) build_tls(holds);
    connections = calloc((size_t)options.connections, sizeof *connections);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    (holds ? hold : load)(open_all());
    return 0;
}
