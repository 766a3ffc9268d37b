/* Another disk: an LD_PRELOAD library that changes what fsync and fdatasync do.
 *
 *   SYNC_SLEEP_MS=5           each sync takes 5 ms longer (it sleeps in the calling thread; Python has given the GIL up by then)
 *   SYNC_SERIAL=/path/lock    the sleeps of all processes and threads queue behind one another, as on one spindle; the file is made
 *   SYNC_DROP=pattern[:...]   syncs of files whose path fits one of these patterns of fnmatch(3) do nothing and answer 0: a disk, or a
 *                             program, that forgets. A directory's path ends in '/': "*-wal" is the database, "*[!/]" every file,
 *                             "*" + "/" every directory
 *   SYNC_LOG=/path/log        one line for each sync: seconds, process id, name of the call, "done" or "dropped", path
 *
 * Build: cc -O2 -shared -fPIC -o slowsync.so slowsync.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_PATH 4096

typedef int (*sync_call)(int);

static void path_of(int fd, char *path)
{
    char link[64];
    struct stat facts;
    ssize_t length;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, MAX_PATH - 2);
    if (length < 0)
        length = 0;
    if (fstat(fd, &facts) == 0 && S_ISDIR(facts.st_mode))
        path[length++] = '/';
    path[length] = '\0';
}

static int dropped(const char *path)
{
    const char *setting = getenv("SYNC_DROP");
    char *patterns, *pattern, *rest = NULL;
    int found = 0;

    if (setting == NULL || (patterns = strdup(setting)) == NULL)
        return 0;
    for (pattern = strtok_r(patterns, ":", &rest); pattern != NULL; pattern = strtok_r(NULL, ":", &rest))
        found |= fnmatch(pattern, path, 0) == 0;
    free(patterns);
    return found;
}

static void record(const char *name, const char *outcome, const char *path)
{
    const char *log = getenv("SYNC_LOG");
    char line[MAX_PATH + 128];
    struct timespec now;
    int fd, length;

    if (log == NULL || (fd = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666)) < 0)
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    length = snprintf(line, sizeof line, "%lld.%06ld %d %s %s %s\n", (long long)now.tv_sec, now.tv_nsec / 1000, (int)getpid(), name,
                      outcome, path);
    if (write(fd, line, (size_t)length) != length)
        perror("SYNC_LOG");
    close(fd);
}

static void sleep_as_the_disk_does(void)
{
    const char *milliseconds = getenv("SYNC_SLEEP_MS"), *serial = getenv("SYNC_SERIAL");
    double seconds = milliseconds == NULL ? 0 : atof(milliseconds) / 1000;
    struct timespec pause = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    int lock = -1;

    if (seconds <= 0)
        return;
    if (serial != NULL && (lock = open(serial, O_RDWR | O_CREAT | O_CLOEXEC, 0666)) >= 0)
        while (flock(lock, LOCK_EX) != 0 && errno == EINTR)
            ;
    while (nanosleep(&pause, &pause) != 0 && errno == EINTR)
        ;
    if (lock >= 0)
        close(lock);
}

static int sync_with(const char *name, sync_call call, int fd)
{
    char path[MAX_PATH];
    int result;

    if (getenv("SYNC_DROP") == NULL && getenv("SYNC_LOG") == NULL) {
        sleep_as_the_disk_does();
        return call(fd);
    }
    path_of(fd, path);
    if (dropped(path)) {
        record(name, "dropped", path);
        return 0;
    }
    sleep_as_the_disk_does();
    result = call(fd);
    record(name, result == 0 ? "done" : "failed", path);
    return result;
}

int fsync(int fd)
{
    static sync_call call;

    if (call == NULL)
        call = (sync_call)dlsym(RTLD_NEXT, "fsync");
    return sync_with("fsync", call, fd);
}

int fdatasync(int fd)
{
    static sync_call call;

    if (call == NULL)
        call = (sync_call)dlsym(RTLD_NEXT, "fdatasync");
    return sync_with("fdatasync", call, fd);
}
