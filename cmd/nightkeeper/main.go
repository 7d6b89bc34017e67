// Command nightkeeper is the incident loop as one program: it takes telemetry in, watches error budgets, pages people,
// runs runbooks, follows incidents, writes postmortems, runs experiments and gates releases. Every subcommand has --help.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"nightkeeper/internal/app"
	"nightkeeper/internal/kit/errs"
)

// version is set when a release is built.
var version = "dev"

// Exit codes beside 0. The gate has its own; see gate.go.
const (
	exitFailed  = 1
	exitUsage   = 3
	exitProblem = 4 // the server refused: invalid, not found, conflict, denied
	exitAway    = 5 // the server cannot be reached
)

// exitError ends the program with a code of its own.
type exitError struct {
	code int
	err  error
}

func (e exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

// run runs a command, says on problems what went wrong, and returns the exit code.
func run(args []string, problems io.Writer) int {
	if code, ok := app.Child(args); ok {
		return code
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		strict(cmd)
	}
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	if cmd == root { // which does nothing itself: what was asked for is no command
		err = usage(root, err)
	}
	var ex exitError
	if errors.As(err, &ex) {
		if msg := ex.Error(); msg != "" {
			fmt.Fprintln(problems, "nightkeeper:", msg)
		}
		return ex.code
	}
	fmt.Fprintln(problems, "nightkeeper:", message(err))
	switch errs.CodeOf(err) {
	case errs.Unavailable:
		return exitAway
	case errs.Invalid, errs.NotFound, errs.Conflict, errs.Denied:
		return exitProblem
	}
	return exitFailed
}

// message returns what a person at a terminal should read: the safe message, and the cause when there is no better.
func message(err error) string {
	var e *errs.Error
	if errors.As(err, &e) {
		return e.Error()
	}
	return err.Error()
}
