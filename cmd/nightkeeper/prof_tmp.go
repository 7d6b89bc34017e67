package main

import (
	"os"
	"runtime/pprof"
	"fmt"
)

func init() {
	if p := os.Getenv("NKPROF"); p != "" && len(os.Args) > 1 && os.Args[1] == "serve" {
		f, _ := os.Create(fmt.Sprintf("%s.%d", p, os.Getpid()))
		pprof.StartCPUProfile(f)
		stopProf = func() { pprof.StopCPUProfile(); f.Close() }
	}
}
var stopProf = func() {}
