package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/prevent"
)

// Exit codes of the gate. 2 is none of them: it is what a Go program that panics ends with.
const (
	gateBlocked = 10
	gateWarned  = 11
	gateUnknown = 12
)

func newGate(c *client) *cobra.Command {
	var change, sha, onUnknown string
	var strictly bool
	cmd := &cobra.Command{
		Use:   "gate SERVICE",
		Short: "Ask whether a release of a service may go out",
		Long: "Ask whether a release may go out. Exit code 0: allowed; 10: blocked; 11: allowed with a warning, with --strict only;\n" +
			"12: unknown, because the service, its data, the store or the server cannot be found. The reason is printed.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(prevent.Changes, prevent.Change(change)) {
				return usage(cmd, fmt.Errorf("--change is %q; it is feature, rollback, security or reliability", change))
			}
			if !slices.Contains([]string{"", "allow", "block"}, onUnknown) {
				return usage(cmd, fmt.Errorf("--on-unknown is %q; it is allow or block; without it the exit code is 12", onUnknown))
			}
			var v prevent.Verdict
			c.wait = 5 * time.Second
			q := url.Values{"change": {change}, "sha": {sha}, "on_unknown": {cmp.Or(onUnknown, "block")}}
			if err := c.call(cmd.Context(), "GET", "/gate/"+url.PathEscape(args[0])+"?"+q.Encode(), nil, &v); err != nil {
				v = prevent.Verdict{Service: args[0], Change: prevent.Change(change), SHA: sha, Decision: prevent.Unknown,
					Allowed: onUnknown == "allow", Reasons: []string{errs.Message(err)}, At: time.Now()}
				if c.json {
					b, err := json.Marshal(v)
					if err != nil {
						return fmt.Errorf("encode the answer: %w", err)
					}
					fmt.Println(string(b))
				}
				return gateExit(v, onUnknown, strictly, errors.New("unknown: "+message(err)))
			}
			if !c.json {
				for _, r := range v.Reasons {
					fmt.Fprintf(os.Stdout, "%s: %s\n", v.Decision, r)
				}
				if v.Decision == prevent.Blocked && !v.LiftsAt.IsZero() {
					fmt.Fprintf(os.Stdout, "lifted about %s if nothing more burns\n", v.LiftsAt.Local().Format("Mon 2 Jan 2006 15:04 MST"))
				}
			}
			return gateExit(v, onUnknown, strictly, nil)
		},
	}
	cmd.Flags().StringVar(&change, "change", "feature", "kind of change: feature, rollback, security, reliability")
	cmd.Flags().StringVar(&sha, "sha", "", "commit that would be released")
	cmd.Flags().StringVar(&onUnknown, "on-unknown", "", "what to do when the gate cannot tell: allow (exit code 0) or block (10)")
	cmd.Flags().BoolVar(&strictly, "strict", false, "a warning has the exit code 11")
	return c.flags(cmd)
}

// gateExit returns the error with the exit code of an answer; nil when the release may go out. What passes with a warning,
// or though nobody can tell, is said on standard error.
func gateExit(v prevent.Verdict, onUnknown string, strictly bool, why error) error {
	switch {
	case v.Decision == prevent.Allow:
		return nil
	case v.Decision == prevent.Warn && strictly:
		return exitError{gateWarned, nil}
	case v.Decision == prevent.Warn, v.Decision == prevent.Unknown && onUnknown == "allow":
		fmt.Fprintf(os.Stderr, "nightkeeper: it goes out with a warning: %s\n", strings.Join(v.Reasons, "; "))
		return nil
	case v.Decision == prevent.Blocked, onUnknown == "block":
		return exitError{gateBlocked, why}
	}
	return exitError{gateUnknown, why}
}
