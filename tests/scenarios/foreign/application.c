/* A typical application: libmodbus over plain TCP, without TLS, roles or gateways.
 *
 * It executes the commands on stdin, one a line, and prints one line for each: "ok" and the values, or "error" and the
 * name of the errno that libmodbus set. Usage: application PORT
 *
 *   unit U
 *   coils A N | inputs A N | holding A N | input A N           functions 01 to 04
 *   set_coil A V | set A V                                     functions 05 and 06
 *   set_coils A V... | set_many A V...                         functions 15 and 16
 *   identify                                                   function 17
 *   mask A AND OR                                              function 22
 *   exchange WRITE_A READ_A READ_N V...                        function 23
 */
#include <errno.h>
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ARGUMENTS = 128, MAX_LINE = 4096 };

static const char *error_name(int error) {
    static const char *const names[] = {
        [MODBUS_EXCEPTION_ILLEGAL_FUNCTION] = "EMBXILFUN",
        [MODBUS_EXCEPTION_ILLEGAL_DATA_ADDRESS] = "EMBXILADD",
        [MODBUS_EXCEPTION_ILLEGAL_DATA_VALUE] = "EMBXILVAL",
        [MODBUS_EXCEPTION_SLAVE_OR_SERVER_FAILURE] = "EMBXSFAIL",
        [MODBUS_EXCEPTION_ACKNOWLEDGE] = "EMBXACK",
        [MODBUS_EXCEPTION_SLAVE_OR_SERVER_BUSY] = "EMBXSBUSY",
        [MODBUS_EXCEPTION_NEGATIVE_ACKNOWLEDGE] = "EMBXNACK",
        [MODBUS_EXCEPTION_MEMORY_PARITY] = "EMBXMEMPAR",
        [MODBUS_EXCEPTION_GATEWAY_PATH] = "EMBXGPATH",
        [MODBUS_EXCEPTION_GATEWAY_TARGET] = "EMBXGTAR",
    };
    int code = error - MODBUS_ENOBASE;
    if (code > 0 && code < MODBUS_EXCEPTION_MAX && names[code]) return names[code];
    return modbus_strerror(error);
}

static void answer(int result, int count, const uint16_t *words, const uint8_t *bytes) {
    if (result == -1) {
        printf("error %s\n", error_name(errno));
        return;
    }
    printf("ok");
    for (int i = 0; i < count; i++) printf(" %d", words ? words[i] : bytes[i]);
    printf("\n");
}

static void execute(modbus_t *line, const char *verb, const int *given, int count) {
    uint16_t words[MODBUS_MAX_READ_REGISTERS] = {0}, out[MAX_ARGUMENTS] = {0};
    uint8_t bits[MODBUS_MAX_READ_BITS] = {0}, out_bits[MAX_ARGUMENTS] = {0};
    for (int i = 0; i < count; i++) {
        out[i] = (uint16_t)given[i];
        out_bits[i] = given[i] != 0;
    }
    if (!strcmp(verb, "unit")) answer(modbus_set_slave(line, given[0]), 0, NULL, NULL);
    else if (!strcmp(verb, "coils")) answer(modbus_read_bits(line, given[0], given[1], bits), given[1], NULL, bits);
    else if (!strcmp(verb, "inputs")) answer(modbus_read_input_bits(line, given[0], given[1], bits), given[1], NULL, bits);
    else if (!strcmp(verb, "holding")) answer(modbus_read_registers(line, given[0], given[1], words), given[1], words, NULL);
    else if (!strcmp(verb, "input"))
        answer(modbus_read_input_registers(line, given[0], given[1], words), given[1], words, NULL);
    else if (!strcmp(verb, "set_coil")) answer(modbus_write_bit(line, given[0], given[1]), 0, NULL, NULL);
    else if (!strcmp(verb, "set")) answer(modbus_write_register(line, given[0], out[1]), 0, NULL, NULL);
    else if (!strcmp(verb, "set_coils")) answer(modbus_write_bits(line, given[0], count - 1, out_bits + 1), 0, NULL, NULL);
    else if (!strcmp(verb, "set_many")) answer(modbus_write_registers(line, given[0], count - 1, out + 1), 0, NULL, NULL);
    else if (!strcmp(verb, "identify")) {
        int length = modbus_report_slave_id(line, MODBUS_MAX_PDU_LENGTH, bits);
        answer(length, length, NULL, bits);
    } else if (!strcmp(verb, "mask")) answer(modbus_mask_write_register(line, given[0], out[1], out[2]), 0, NULL, NULL);
    else if (!strcmp(verb, "exchange")) {
        int result = modbus_write_and_read_registers(line, given[0], count - 3, out + 3, given[1], given[2], words);
        answer(result, given[2], words, NULL);
    } else printf("error unknown command\n");
}

int main(int argc, char **argv) {
    char text[MAX_LINE];
    setvbuf(stdout, NULL, _IOLBF, 0);
    modbus_t *line = argc == 2 ? modbus_new_tcp("127.0.0.1", atoi(argv[1])) : NULL;
    if (!line || modbus_set_slave(line, 1) || modbus_set_response_timeout(line, 3, 0) || modbus_connect(line)) {
        fprintf(stderr, "application: %s\n", modbus_strerror(errno));
        return 1;
    }
    while (fgets(text, sizeof text, stdin)) {
        int given[MAX_ARGUMENTS] = {0}, count = 0;
        char *verb = strtok(text, " \n"), *word;
        if (!verb) continue;
        while (count < MAX_ARGUMENTS && (word = strtok(NULL, " \n"))) given[count++] = (int)strtol(word, NULL, 0);
        execute(line, verb, given, count);
    }
    modbus_close(line);
    modbus_free(line);
    return 0;
}
