package self

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// CloseInherited closes every file but the standard three: a child must not keep a port or a disk of its grandparent
// busy. Go's own polling descriptors stay.
func CloseInherited() {
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
