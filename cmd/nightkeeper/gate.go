package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/prevent"
)

// Exit codes of the gate.
const (
	gateBlocked = 10
	gateUnknown = 12
)

func newGate(c *client) *cobra.Command {
	var change, sha string
	cmd := &cobra.Command{
		Use:   "gate SERVICE",
		Short: "Ask whether a release of a service may go out",
		Long: "Ask whether a release may go out. Exit code 0: allowed; 10: blocked; 12: unknown, because the service, its data or\n" +
			"the server cannot be found. The reason is printed.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(prevent.Changes, prevent.Change(change)) {
				return usage(cmd, fmt.Errorf("--change is %q; it is feature, rollback, security or reliability", change))
			}
			var v struct {
				Decision string   `json:"decision"`
				Reasons  []string `json:"reasons"`
			}
			c.wait = 5 * time.Second
			path := "/gate/" + url.PathEscape(args[0]) + "?" + url.Values{"change": {change}, "sha": {sha}}.Encode()
			if err := c.call(cmd.Context(), "GET", path, nil, &v); err != nil {
				if c.json {
					fmt.Printf("{\"decision\":\"unknown\",\"reasons\":[%q]}\n", errs.Message(err))
				}
				return exitError{gateUnknown, errors.New("unknown: " + message(err))}
			}
			if !c.json {
				for _, r := range v.Reasons {
					fmt.Fprintf(os.Stdout, "%s: %s\n", v.Decision, r)
				}
			}
			switch v.Decision {
			case "allow":
				return nil
			case "blocked":
				return exitError{code: gateBlocked}
			}
			return exitError{code: gateUnknown}
		},
	}
	cmd.Flags().StringVar(&change, "change", "feature", "kind of change: feature, rollback, security, reliability")
	cmd.Flags().StringVar(&sha, "sha", "", "commit that would be released")
	return c.flags(cmd)
}
