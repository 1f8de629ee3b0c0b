/* What a process does to the files of one folder, in its order: loaded before libc by LD_PRELOAD.

   RECORD_FOLDER is the folder, RECORD_LOG the file that every operation is appended to, in one write each:
   kind (1 byte: W write, S sync, T truncate, U unlink), length of the name (1), of the data (4), offset (8),
   all little-endian, then name and data. The folder itself has no name: its sync keeps what was unlinked.
   Other files are left alone. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;

struct __attribute__((packed)) head {
    char kind;
    uint8_t name_len;
    uint32_t data_len;
    uint64_t offset;
};

static const char *inside(const char *path) {
    const char *folder = getenv("RECORD_FOLDER");
    size_t length = folder ? strlen(folder) : 0;
    if (!length || strncmp(path, folder, length)) return NULL;
    if (!path[length]) return path + length; /* the folder itself, of which only a sync matters */
    return path[length] == '/' ? path + length + 1 : NULL;
}

static const char *of_fd(int fd, char *room, size_t size) {
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, room, size - 1);
    if (length <= 0) return NULL;
    room[length] = 0;
    return inside(room);
}

static void record(char kind, const char *name, uint64_t offset, const void *data, uint32_t length) {
    struct head head = {kind, (uint8_t)strlen(name), length, offset};
    struct iovec parts[3] = {{&head, sizeof head}, {(void *)name, head.name_len}, {(void *)data, length}};
    if (log_fd < 0) log_fd = open(getenv("RECORD_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd < 0 || syscall(SYS_writev, log_fd, parts, 3) < 0) abort();
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
    char room[4096];
    const char *name = of_fd(fd, room, sizeof room);
    pthread_mutex_lock(&lock);
    ssize_t done = syscall(SYS_pwrite64, fd, data, length, offset);
    if (name && done > 0) record('W', name, (uint64_t)offset, data, (uint32_t)done);
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
    return pwrite64(fd, data, length, offset);
}

ssize_t write(int fd, const void *data, size_t length) {
    char room[4096];
    const char *name = of_fd(fd, room, sizeof room);
    if (!name) return syscall(SYS_write, fd, data, length);
    pthread_mutex_lock(&lock);
    off64_t offset = lseek64(fd, 0, fcntl(fd, F_GETFL) & O_APPEND ? SEEK_END : SEEK_CUR);
    ssize_t done = syscall(SYS_write, fd, data, length);
    if (done > 0) record('W', name, (uint64_t)offset, data, (uint32_t)done);
    pthread_mutex_unlock(&lock);
    return done;
}

static int synced(int fd, long call) {
    char room[4096];
    const char *name = of_fd(fd, room, sizeof room);
    int failed = (int)syscall(call, fd);
    if (name && !failed) {
        pthread_mutex_lock(&lock);
        record('S', name, 0, NULL, 0);
        pthread_mutex_unlock(&lock);
    }
    return failed;
}

int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

int ftruncate64(int fd, off64_t length) {
    char room[4096];
    const char *name = of_fd(fd, room, sizeof room);
    int failed = (int)syscall(SYS_ftruncate, fd, length);
    if (name && !failed) {
        pthread_mutex_lock(&lock);
        record('T', name, (uint64_t)length, NULL, 0);
        pthread_mutex_unlock(&lock);
    }
    return failed;
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

int unlink(const char *path) {
    const char *name = inside(path);
    int failed = (int)syscall(SYS_unlink, path);
    if (name && !failed) {
        pthread_mutex_lock(&lock);
        record('U', name, 0, NULL, 0);
        pthread_mutex_unlock(&lock);
    }
    return failed;
}
