/* A typical device: a libmodbus server over plain TCP, without TLS, roles or gateways.
 *
 * Coils and discrete inputs 0 to 99, holding registers 0 to 499, input registers 0 to 99. Discrete input n is 1 where n
 * is divisible by 3, input register n holds 1000 + n, everything else starts at 0. Reading one input register from
 * 500 + e is answered with the exception e. It prints "port P" when it listens and then each received request:
 * "request unit U function F". Usage: device
 */
#include <errno.h>
#include <modbus.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

enum { BITS = 100, HOLDING = 500, INPUTS = 100, EXCEPTIONS_FROM = 500, ONE_AT_A_TIME = 1 };

static int port_of(int listener) {
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    return getsockname(listener, (struct sockaddr *)&address, &length) ? -1 : ntohs(address.sin_port);
}

static void serve(modbus_t *line, modbus_mapping_t *memory) {
    uint8_t request[MODBUS_TCP_MAX_ADU_LENGTH];
    int header = modbus_get_header_length(line), length;
    while ((length = modbus_receive(line, request)) >= 0) {
        if (length == 0) continue;
        int function = request[header], address = request[header + 1] << 8 | request[header + 2];
        int exception = address - EXCEPTIONS_FROM;
        printf("request unit %d function %d\n", request[header - 1], function);
        if (function == MODBUS_FC_READ_INPUT_REGISTERS && exception > 0 && exception < MODBUS_EXCEPTION_MAX)
            modbus_reply_exception(line, request, (unsigned)exception);
        else if (modbus_reply(line, request, length, memory) == -1)
            return;
    }
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    modbus_t *line = modbus_new_tcp("127.0.0.1", 0);
    modbus_mapping_t *memory = modbus_mapping_new(BITS, BITS, HOLDING, INPUTS);
    int listener = line && memory ? modbus_tcp_listen(line, ONE_AT_A_TIME) : -1;
    if (listener == -1) {
        fprintf(stderr, "device: %s\n", modbus_strerror(errno));
        return 1;
    }
    for (int i = 0; i < BITS; i++) memory->tab_input_bits[i] = i % 3 == 0;
    for (int i = 0; i < INPUTS; i++) memory->tab_input_registers[i] = (uint16_t)(1000 + i);
    printf("port %d\n", port_of(listener));
    while (modbus_tcp_accept(line, &listener) != -1) {
        serve(line, memory);
        modbus_close(line);
    }
    return 0;
}
