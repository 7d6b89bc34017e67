package main

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nightkeeper/internal/loop/detect"
)

func newExclusion(c *client) *cobra.Command {
	cmd := &cobra.Command{Use: "exclusion", Short: "Take a time out of error budgets, when two people agree"}
	cmd.AddCommand(newExclusionAdd(c), newExclusionList(c),
		newExclusionDecide(c, "approve", detect.ExclusionApproved, "Approve what somebody else asked for"),
		newExclusionDecide(c, "refuse", detect.ExclusionRefused, "Refuse what somebody asked for"),
		newExclusionDecide(c, "withdraw", detect.ExclusionWithdrawn, "Count a time again"))
	return cmd
}

func newExclusionAdd(c *client) *cobra.Command {
	var cause, from, to, reason, fallback string
	var services, slos []string
	cmd := &cobra.Command{
		Use:   "add --cause CAUSE --service NAME --from TIME --to TIME --reason WHY",
		Short: "Ask for a time not to count against budgets",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			in := map[string]any{"cause": cause, "services": services, "slos": slos, "reason": reason, "fallback": fallback}
			for name, s := range map[string]string{"from": from, "to": to} {
				at, err := time.Parse(time.RFC3339, s)
				if err != nil {
					return exitError{exitUsage, fmt.Errorf("--%s is %q; write a time with its zone, such as 2026-11-27T03:09:00Z", name, s)}
				}
				in[name] = at
			}
			var x detect.Exclusion
			if err := c.call(cmd.Context(), "POST", "/exclusions", in, &x); err != nil || c.json {
				return err
			}
			fmt.Printf("%s is asked for; somebody else approves it: nightkeeper exclusion approve %s\n", x.ID, x.ID)
			return nil
		},
	}
	cmd.Flags().StringVar(&cause, "cause", "", "maintenance, third_party, attack or rollback (required)")
	cmd.Flags().StringSliceVar(&services, "service", nil, "all SLOs of this service")
	cmd.Flags().StringSliceVar(&slos, "slo", nil, "this SLO")
	cmd.Flags().StringVar(&from, "from", "", "when it begins, such as 2026-11-27T03:09:00Z (required)")
	cmd.Flags().StringVar(&to, "to", "", "when it ends (required)")
	cmd.Flags().StringVar(&reason, "reason", "", "what happened (required)")
	cmd.Flags().StringVar(&fallback, "fallback", "", "of a third party's outage: what worked instead")
	return c.flags(cmd)
}

func newExclusionList(c *client) *cobra.Command {
	return c.flags(&cobra.Command{
		Use: "list", Short: "Times that do not count against budgets, or may not", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all []detect.Exclusion
			if err := c.call(cmd.Context(), "GET", "/exclusions", nil, &all); err != nil || c.json {
				return err
			}
			w := table()
			fmt.Fprintln(w, "ID\tSTATE\tFROM\tTO\tOF\tCAUSE\tASKED BY\tDECIDED BY\tWHY")
			for _, x := range all {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", x.ID, x.State, x.From.Local().Format(time.DateTime), x.To.Local().Format(time.DateTime),
					strings.Join(slices.Concat(x.Services, x.SLOs), ", "), x.Cause, x.AskedBy, x.DecidedBy, x.Reason)
			}
			return w.Flush()
		},
	})
}

func newExclusionDecide(c *client, use string, state detect.ExclusionState, short string) *cobra.Command {
	var note string
	cmd := &cobra.Command{
		Use: use + " ID", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var x detect.Exclusion
			in := map[string]any{"state": state, "note": note}
			if err := c.call(cmd.Context(), "POST", "/exclusions/"+url.PathEscape(args[0])+"/decision", in, &x); err != nil || c.json {
				return err
			}
			fmt.Printf("%s is %s\n", x.ID, x.State)
			return nil
		},
	}
	cmd.Flags().StringVar(&note, "note", "", "why")
	return c.flags(cmd)
}
