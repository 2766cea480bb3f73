/* A shim under the C library's file calls, for tests: it fails, delays, or kills at a call that a plan names, moves the
 * wall clock, and records what was written, so that a power loss can be played back. Loaded with LD_PRELOAD into the same
 * `coffre` that people run; nothing of it is in the product.
 *
 * COFFRE_FAULTS_ROOT  only files below this folder are looked at
 * COFFRE_FAULTS_PLAN  the plan: a line each, read again whenever the file is replaced
 *                         ACTION CALL PATTERN NTH [ARGUMENT]
 *                     ACTION   kill-before, kill-after, fail (ARGUMENT errno; nothing is done), fail-after (done, and
 *                              reported with ARGUMENT errno), delay (ARGUMENT milliseconds, before), clock (ARGUMENT seconds)
 *                     CALL     open write truncate fsync rename unlink mkdir, `sync` for fsync of a directory, or `*`
 *                     PATTERN  of the path below the root (fnmatch)
 *                     NTH      the call that matches so many times, from 1; 0 is every one
 * COFFRE_FAULTS_LOG   where calls are recorded; without it they are not
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define RULES 32

struct rule {
    char action[16], call[16], pattern[256];
    long nth, argument, seen;
};

static struct rule rules[RULES];
static int rule_count;
static struct timespec plan_time;
static ino_t plan_inode;
static long clock_shift;
static char root[PATH_MAX], plan[PATH_MAX];
static size_t root_length;
static int log_fd = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) abort();
    return found;
}

__attribute__((constructor)) static void begin(void) {
    const char *text = getenv("COFFRE_FAULTS_ROOT");
    if (text && realpath(text, root)) root_length = strlen(root);
    text = getenv("COFFRE_FAULTS_PLAN");
    if (text) snprintf(plan, sizeof plan, "%s", text);
    text = getenv("COFFRE_FAULTS_LOG");
    if (text) log_fd = syscall(SYS_openat, AT_FDCWD, text, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

/* The plan, if it was replaced. Under the lock. */
static void read_plan(void) {
    struct stat now;
    if (!plan[0] || syscall(SYS_newfstatat, AT_FDCWD, plan, &now, 0) != 0) return;
    if (now.st_ino == plan_inode && now.st_mtim.tv_sec == plan_time.tv_sec && now.st_mtim.tv_nsec == plan_time.tv_nsec)
        return;
    plan_inode = now.st_ino;
    plan_time = now.st_mtim;
    rule_count = 0;
    clock_shift = 0;
    char text[8192];
    int fd = syscall(SYS_openat, AT_FDCWD, plan, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0) return;
    long length = syscall(SYS_read, fd, text, sizeof text - 1);
    syscall(SYS_close, fd);
    text[length > 0 ? length : 0] = 0;
    char *rest = text, *line;
    while ((line = strsep(&rest, "\n")) && rule_count < RULES) {
        struct rule *rule = &rules[rule_count];
        memset(rule, 0, sizeof *rule);
        int found = sscanf(line, "%15s %15s %255s %ld %ld", rule->action, rule->call, rule->pattern, &rule->nth, &rule->argument);
        if (found < 4) continue;
        if (strcmp(rule->action, "clock") == 0) clock_shift = rule->argument;
        else rule_count++;
    }
}

/* A path below the root, or none. */
static const char *below(const char *path) {
    if (!root_length || strncmp(path, root, root_length) != 0 || path[root_length] != '/') return NULL;
    return path + root_length + 1;
}

static const char *of_fd(int fd, char *buffer) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, buffer, PATH_MAX - 1);
    if (length <= 0) return NULL;
    buffer[length] = 0;
    return below(buffer);
}

/* A name in a folder, whether or not it is there: its folder is resolved, it is not. */
static const char *of_name(int folder, const char *path, char *buffer) {
    char text[PATH_MAX], above[PATH_MAX];
    if (path[0] == '/') snprintf(text, sizeof text, "%s", path);
    else {
        char link[64], from[PATH_MAX];
        snprintf(link, sizeof link, folder == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", folder);
        ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, from, PATH_MAX - 1);
        if (length <= 0) return NULL;
        from[length] = 0;
        snprintf(text, sizeof text, "%.2000s/%.2000s", from, path);
    }
    size_t end = strlen(text);
    while (end > 1 && text[end - 1] == '/') text[--end] = 0;
    char *slash = strrchr(text, '/');
    if (!slash) return NULL;
    *slash = 0;
    if (!realpath(slash == text ? "/" : text, above)) return NULL;
    snprintf(buffer, PATH_MAX, "%.2000s/%.2000s", above, slash + 1);
    return below(buffer);
}

/* One record: a line, and bytes behind it. Appended by one call, as what others append is. */
static void record(const void *bytes, size_t length, const char *format, ...) {
    if (log_fd < 0) return;
    char head[2 * PATH_MAX + 128];
    va_list values;
    va_start(values, format);
    int text = vsnprintf(head, sizeof head, format, values);
    va_end(values);
    struct iovec parts[2] = {{head, (size_t)text}, {(void *)bytes, length}};
    if (syscall(SYS_writev, log_fd, parts, length ? 2 : 1) != (long)(text + length)) abort();
}

static void die(void) {
    syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    for (;;) pause();
}

/* What the plan says of this call. Returns the errno that it fails with; `after` is set if it is done all the same, and
 * `dies` if the process ends after it. */
static int planned(const char *call, const char *path, int *after, int *dies) {
    long delay = 0;
    int error = 0;
    *after = *dies = 0;
    pthread_mutex_lock(&lock);
    read_plan();
    for (int at = 0; at < rule_count; at++) {
        struct rule *rule = &rules[at];
        if (strcmp(rule->call, "*") != 0 && strcmp(rule->call, call) != 0) continue;
        if (fnmatch(rule->pattern, path, 0) != 0) continue;
        rule->seen++;
        if (rule->nth && rule->seen != rule->nth) continue;
        if (strcmp(rule->action, "kill-before") == 0) die();
        if (strcmp(rule->action, "kill-after") == 0) *dies = 1;
        if (strcmp(rule->action, "fail") == 0) error = (int)rule->argument;
        if (strcmp(rule->action, "fail-after") == 0) error = (int)rule->argument, *after = 1;
        if (strcmp(rule->action, "delay") == 0) delay = rule->argument;
    }
    pthread_mutex_unlock(&lock);
    if (delay) {
        struct timespec left = {delay / 1000, delay % 1000 * 1000000};
        while (nanosleep(&left, &left) != 0) {}
    }
    return error;
}

static unsigned long inode_of(int fd) {
    struct stat now;
    return syscall(SYS_fstat, fd, &now) == 0 ? (unsigned long)now.st_ino : 0;
}

/* A call on a path: does what the plan says, else the call, and records it when it succeeded. */
#define GUARDED(call, path, done, recorded)                                                                          \
    int after, dies, error = planned(call, path, &after, &dies);                                                     \
    if (error && !after) { errno = error; return -1; }                                                               \
    pthread_mutex_lock(&lock);                                                                                       \
    __typeof__(done) result = (done);                                                                                \
    int kept = errno;                                                                                                \
    if (result >= 0) { recorded; }                                                                                   \
    pthread_mutex_unlock(&lock);                                                                                     \
    if (dies) die();                                                                                                 \
    if (error) { errno = error; return -1; }                                                                         \
    errno = kept;                                                                                                    \
    return result

static int open_in(int folder, const char *path, int flags, mode_t mode) {
    char buffer[PATH_MAX];
    const char *name = flags & (O_CREAT | O_TRUNC) ? of_name(folder, path, buffer) : NULL;
    if (!name || (flags & O_TMPFILE) == O_TMPFILE) return syscall(SYS_openat, folder, path, flags, mode);
    struct stat before;
    int there = syscall(SYS_newfstatat, folder, path, &before, 0) == 0;
    GUARDED("open", name, (int)syscall(SYS_openat, folder, path, flags, mode), {
        if (!there) record(NULL, 0, "create\t%lu\t%s\n", inode_of(result), name);
        else if (flags & O_TRUNC) record(NULL, 0, "truncate\t%lu\t0\n", inode_of(result));
    });
}

#define MODE(flags, last)                                                                                            \
    mode_t mode = 0;                                                                                                 \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                                                           \
        va_list values;                                                                                              \
        va_start(values, last);                                                                                      \
        mode = va_arg(values, mode_t);                                                                               \
        va_end(values);                                                                                              \
    }

int open(const char *path, int flags, ...) { MODE(flags, flags) return open_in(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags, flags) return open_in(AT_FDCWD, path, flags, mode); }
int openat(int folder, const char *path, int flags, ...) { MODE(flags, flags) return open_in(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { MODE(flags, flags) return open_in(folder, path, flags, mode); }

static ssize_t written(int fd, const void *bytes, size_t length, off_t at, const char *path) {
    GUARDED("write", path, (ssize_t)(at < 0 ? syscall(SYS_write, fd, bytes, length) : syscall(SYS_pwrite64, fd, bytes, length, at)), {
        /* Behind what an append or a write in sequence has just moved. */
        off_t start = at >= 0 ? at : (off_t)syscall(SYS_lseek, fd, 0, SEEK_CUR) - result;
        record(bytes, (size_t)result, "write\t%lu\t%ld\t%zd\n", inode_of(fd), (long)start, result);
    });
}

ssize_t write(int fd, const void *bytes, size_t length) {
    char buffer[PATH_MAX];
    const char *path = fd > 2 ? of_fd(fd, buffer) : NULL;
    return path ? written(fd, bytes, length, -1, path) : syscall(SYS_write, fd, bytes, length);
}

static ssize_t write_at(int fd, const void *bytes, size_t length, off_t at) {
    char buffer[PATH_MAX];
    const char *path = of_fd(fd, buffer);
    return path ? written(fd, bytes, length, at, path) : syscall(SYS_pwrite64, fd, bytes, length, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) { return write_at(fd, bytes, length, at); }
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) { return write_at(fd, bytes, length, at); }

/* The first part alone: a short write, after which the caller goes on with the rest. */
ssize_t writev(int fd, const struct iovec *parts, int count) {
    char buffer[PATH_MAX];
    const char *path = fd > 2 ? of_fd(fd, buffer) : NULL;
    if (!path || count < 1) return syscall(SYS_writev, fd, parts, count);
    while (count > 1 && parts->iov_len == 0) parts++, count--;
    return written(fd, parts->iov_base, parts->iov_len, -1, path);
}

/* Not there: the library writes instead. */
ssize_t copy_file_range(int from, off64_t *at, int to, off64_t *start, size_t length, unsigned flags) {
    char buffer[PATH_MAX];
    if (!of_fd(to, buffer)) return syscall(SYS_copy_file_range, from, at, to, start, length, flags);
    errno = ENOSYS;
    return -1;
}

static ssize_t sent(int to, int from, off_t *at, size_t length) {
    char buffer[PATH_MAX];
    if (!of_fd(to, buffer)) return syscall(SYS_sendfile, to, from, at, length);
    errno = EINVAL;
    return -1;
}
ssize_t sendfile(int to, int from, off_t *at, size_t length) { return sent(to, from, at, length); }
ssize_t sendfile64(int to, int from, off64_t *at, size_t length) { return sent(to, from, at, length); }

static int truncated(int fd, off_t length) {
    char buffer[PATH_MAX];
    const char *path = of_fd(fd, buffer);
    if (!path) return syscall(SYS_ftruncate, fd, length);
    GUARDED("truncate", path, (int)syscall(SYS_ftruncate, fd, length),
            record(NULL, 0, "truncate\t%lu\t%ld\n", inode_of(fd), (long)length));
}
int ftruncate(int fd, off_t length) { return truncated(fd, length); }
int ftruncate64(int fd, off64_t length) { return truncated(fd, length); }

static int synced(int fd, long number) {
    char buffer[PATH_MAX];
    const char *path = of_fd(fd, buffer);
    if (!path) return syscall(number, fd);
    struct stat now;
    int folder = syscall(SYS_fstat, fd, &now) == 0 && S_ISDIR(now.st_mode);
    int after, dies, error = planned(folder ? "sync" : "fsync", path, &after, &dies);
    if (error && !after) { errno = error; return -1; }
    /* Others write meanwhile: what is durable afterwards is what was written before it began. */
    pthread_mutex_lock(&lock);
    if (folder) record(NULL, 0, "syncing\t%s\n", path);
    else record(NULL, 0, "fsyncing\t%lu\n", (unsigned long)now.st_ino);
    pthread_mutex_unlock(&lock);
    int result = syscall(number, fd), kept = errno;
    pthread_mutex_lock(&lock);
    if (result == 0 && folder) record(NULL, 0, "sync\t%s\n", path);
    else if (result == 0) record(NULL, 0, "fsync\t%lu\n", (unsigned long)now.st_ino);
    pthread_mutex_unlock(&lock);
    if (dies) die();
    if (error) { errno = error; return -1; }
    errno = kept;
    return result;
}
int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

static int renamed(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    char one[PATH_MAX], other[PATH_MAX];
    const char *source = of_name(from_folder, from, one), *target = of_name(to_folder, to, other);
    if (!source || !target) return syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
    GUARDED("rename", target, (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags),
            record(NULL, 0, "rename\t%s\t%s\n", source, target));
}
int rename(const char *from, const char *to) { return renamed(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    return renamed(from_folder, from, to_folder, to, 0);
}
int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    return renamed(from_folder, from, to_folder, to, flags);
}

static int removed(int folder, const char *path, int flags) {
    char buffer[PATH_MAX];
    const char *name = of_name(folder, path, buffer);
    if (!name) return syscall(SYS_unlinkat, folder, path, flags);
    GUARDED("unlink", name, (int)syscall(SYS_unlinkat, folder, path, flags), record(NULL, 0, "unlink\t%s\n", name));
}
int unlink(const char *path) { return removed(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return removed(AT_FDCWD, path, AT_REMOVEDIR); }
int unlinkat(int folder, const char *path, int flags) { return removed(folder, path, flags); }

static int made(int folder, const char *path, mode_t mode) {
    char buffer[PATH_MAX];
    const char *name = of_name(folder, path, buffer);
    if (!name) return syscall(SYS_mkdirat, folder, path, mode);
    GUARDED("mkdir", name, (int)syscall(SYS_mkdirat, folder, path, mode), record(NULL, 0, "mkdir\t%s\n", name));
}
int mkdir(const char *path, mode_t mode) { return made(AT_FDCWD, path, mode); }
int mkdirat(int folder, const char *path, mode_t mode) { return made(folder, path, mode); }

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real_one)(clockid_t, struct timespec *);
    if (!real_one) real_one = REAL(clock_gettime);
    int result = real_one(clock, now);
    if (result == 0 && plan[0] && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        pthread_mutex_lock(&lock);
        read_plan();
        now->tv_sec += clock_shift;
        pthread_mutex_unlock(&lock);
    }
    return result;
}
