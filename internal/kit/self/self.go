// Package self is how this program starts itself again as a child process, and how that child lets go of files that came
// from whoever started the parent without care.
package self

import (
	"os"
	"runtime"
)

// Executable returns the path that runs this very program again. On Linux it stays the same program when the file on
// disk is replaced by a newer one.
func Executable() (string, error) {
	if runtime.GOOS == "linux" {
		return "/proc/self/exe", nil
	}
	return os.Executable()
}
