package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/respond"
)

// newDeclare is for what monitoring did not see.
func newDeclare(c *client) *cobra.Command {
	var service, severity, detail, ago string
	var customer bool
	cmd := &cobra.Command{
		Use:   "declare TITLE",
		Short: "Declare an incident: people are told at once, as of an alert",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := map[string]any{"title": args[0], "service": service, "severity": severity, "detail": detail, "customer": customer}
			if ago != "" {
				d, err := catalog.ParseDuration(ago)
				if err != nil {
					return exitError{exitUsage, fmt.Errorf("--ago: %w", err)}
				}
				in["since"] = time.Now().Add(-d)
			}
			var i respond.Incident
			if err := c.call(cmd.Context(), "POST", "/incidents", in, &i); err != nil || c.json {
				return err
			}
			fmt.Printf("%s  %s  %s\n", i.ID, i.Severity, i.Title)
			return nil
		},
	}
	cmd.Flags().StringVar(&service, "service", "", "of the catalog; leave it out when nobody knows yet")
	cmd.Flags().StringVar(&severity, "severity", "SEV2", "SEV1 to SEV4")
	cmd.Flags().StringVar(&detail, "detail", "", "what was seen, and where")
	cmd.Flags().StringVar(&ago, "ago", "", "how long ago it began, such as 10m")
	cmd.Flags().BoolVar(&customer, "customer", false, "a customer told us: monitoring did not see it")
	return c.flags(cmd)
}
