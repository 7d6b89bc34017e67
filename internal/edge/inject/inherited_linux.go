package inject

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// closeInherited closes the files that came from whoever started the parent without care: a helper that outlives its
// parent must not keep a port or a disk busy. Go's own polling descriptors stay.
func closeInherited() {
	const dir = "/proc/self/fd"
	files, err := os.ReadDir(dir)
	if err != nil {
		return // no /proc, no such list; Go itself marks all that it opens
	}
	for _, f := range files {
		fd, err := strconv.Atoi(f.Name())
		if err != nil || fd <= 2 {
			continue
		}
		if to, err := os.Readlink(dir + "/" + f.Name()); err == nil && !strings.HasPrefix(to, "anon_inode:") {
			_ = syscall.Close(fd)
		}
	}
}
