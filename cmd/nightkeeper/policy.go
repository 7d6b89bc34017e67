package main

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"nightkeeper/internal/loop/page"
)

func newOncallPolicy(c *client) *cobra.Command {
	severity := ""
	cmd := &cobra.Command{
		Use: "policy NAME", Short: "An escalation policy as a line of time: whom a page would tell now, when and by what", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var v page.PolicyView
			if err := c.call(cmd.Context(), "GET", "/policies/"+url.PathEscape(args[0]), nil, &v); err != nil || c.json {
				return err
			}
			printPolicy(v, strings.ToUpper(severity))
			return nil
		},
	}
	cmd.Flags().StringVar(&severity, "severity", "", "only this one, such as SEV1")
	return c.flags(cmd)
}

// printPolicy writes the lines of time, one below the other.
func printPolicy(v page.PolicyView, severity string) {
	fmt.Printf("%s (%s), at %s\n", v.Title, v.Name, local(v.At))
	if len(v.Services) > 0 {
		fmt.Printf("for %s\n", strings.Join(v.Services, ", "))
	}
	for _, co := range v.Courses {
		if severity != "" && string(co.Severity) != severity {
			continue
		}
		fmt.Printf("\n%s\n", co.Severity)
		for _, line := range co.Before(local) {
			fmt.Printf("  %s\n", line)
		}
		for _, st := range co.Steps {
			for i, p := range st.People {
				at := ""
				if i == 0 {
					at = "+" + st.After.String()
				}
				fmt.Printf("  %6s  %s: %s\n", at, p.Person, p.Words())
			}
		}
		for _, line := range co.After(v) {
			fmt.Printf("  %s\n", line)
		}
	}
	if len(v.Findings) > 0 {
		fmt.Println()
	}
	for _, f := range v.Findings {
		fmt.Printf("warning: %s\n", f.Text)
	}
}
