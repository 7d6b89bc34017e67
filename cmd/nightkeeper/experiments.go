package main

import (
	"fmt"
	"net/url"

	"github.com/spf13/cobra"
)

// experimentRun is what is said of a run.
type experimentRun struct{ ID, State string }

func newExperiments(c *client) *cobra.Command {
	cmd := &cobra.Command{Use: "experiment", Short: "List, start and stop experiments"}
	list := &cobra.Command{
		Use: "list", Short: "Declared and proposed experiments", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var xs []struct{ Name, Target, Hypothesis, Incident string }
			if err := c.call(cmd.Context(), "GET", "/experiments", nil, &xs); err != nil || c.json {
				return err
			}
			for _, x := range xs {
				fmt.Printf("%s  (%s)  %s\n", x.Name, x.Target, x.Hypothesis)
			}
			return nil
		},
	}
	start := &cobra.Command{
		Use: "start NAME", Short: "Run an experiment", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var r experimentRun
			if err := c.call(cmd.Context(), "POST", "/experiments/"+url.PathEscape(args[0])+"/start", map[string]any{}, &r); err != nil || c.json {
				return err
			}
			fmt.Printf("%s is %s\n", r.ID, r.State)
			return nil
		},
	}
	kill := &cobra.Command{
		Use: "kill [RUN]", Short: "End the fault of an experiment at once; without a run, of all", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var rs []experimentRun
			var err error
			if len(args) == 0 {
				err = c.call(cmd.Context(), "POST", "/experiment-runs/kill", map[string]any{}, &rs)
			} else {
				rs = make([]experimentRun, 1)
				err = c.call(cmd.Context(), "POST", "/experiment-runs/"+url.PathEscape(args[0])+"/kill", map[string]any{}, &rs[0])
			}
			if err != nil || c.json {
				return err
			}
			if len(rs) == 0 {
				fmt.Println("no experiment runs")
			}
			for _, r := range rs {
				fmt.Printf("%s is %s\n", r.ID, r.State)
			}
			return nil
		},
	}
	cmd.AddCommand(c.flags(list), c.flags(start), c.flags(kill))
	return cmd
}
