package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/observe"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/remediate"
	"nightkeeper/internal/loop/respond"
)

func table() *tabwriter.Writer { return tabwriter.NewWriter(os.Stdout, 2, 4, 2, ' ', 0) }

func newIncidents(c *client) *cobra.Command {
	var open bool
	cmd := &cobra.Command{
		Use:   "incidents [ID]",
		Short: "List incidents, or show one with its timeline",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return c.showIncident(cmd, args[0])
			}
			var is []respond.Incident
			if err := c.call(cmd.Context(), "GET", "/incidents?open="+strconv.FormatBool(open), nil, &is); err != nil || c.json {
				return err
			}
			w := table()
			fmt.Fprintln(w, "ID\tSEVERITY\tSTATUS\tOPENED\tTITLE")
			for _, i := range is {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", i.ID, i.Severity, i.Status, i.OpenedAt.Local().Format(time.DateTime), i.Title)
			}
			return w.Flush()
		},
	}
	cmd.Flags().BoolVar(&open, "open", false, "only those that are not resolved")
	cmd = c.flags(cmd)
	cmd.AddCommand(newIncidentRoles(c), newIncidentResolve(c))
	return cmd
}

func newIncidentResolve(c *client) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "resolve INCIDENT --reason WHY", Short: "Say that an incident is over", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var i respond.Incident
			if err := c.call(cmd.Context(), "POST", "/incidents/"+url.PathEscape(args[0])+"/resolve", map[string]any{"reason": reason}, &i); err != nil || c.json {
				return err
			}
			fmt.Printf("%s is resolved: %s\n", i.ID, i.Reason)
			return nil
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why it is over (required)")
	return c.flags(cmd)
}

func (c *client) showIncident(cmd *cobra.Command, id string) error {
	var i respond.Incident
	if err := c.call(cmd.Context(), "GET", "/incidents/"+url.PathEscape(id), nil, &i); err != nil || c.json {
		return err
	}
	who := i.Commander
	if i.Command.Calling != nil {
		who = strings.TrimSpace(who + " (calling " + strings.Join(i.Command.Calling.People, ", ") + ")")
	}
	if who != "" {
		who = "commander " + who
	}
	fmt.Printf("%s  %s  %s  %s\n%s\n%s\n\n", i.ID, i.Severity, i.Status, who, i.Title, i.Diagnosis.Summary)
	var es []event.Event
	if err := c.call(cmd.Context(), "GET", "/incidents/"+url.PathEscape(id)+"/timeline", nil, &es); err != nil {
		return err
	}
	for _, e := range es {
		fmt.Printf("%s  %-18s %s\n", e.At.Local().Format(time.TimeOnly), e.Actor, e.Text)
	}
	return nil
}

func newPages(c *client) *cobra.Command {
	return c.flags(&cobra.Command{
		Use: "pages", Short: "List pages that are not resolved", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var ps []page.Page
			if err := c.call(cmd.Context(), "GET", "/pages", nil, &ps); err != nil || c.json {
				return err
			}
			w := table()
			fmt.Fprintln(w, "ID\tSEVERITY\tSTATE\tTOLD\tTITLE")
			for _, p := range ps {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", p.ID, p.Severity, p.State, strings.Join(p.Told, ", "), p.Title)
			}
			return w.Flush()
		},
	})
}

func newAck(c *client) *cobra.Command {
	return c.flags(&cobra.Command{
		Use: "ack PAGE", Short: "Acknowledge a page", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var p page.Page
			if err := c.call(cmd.Context(), "POST", "/pages/"+url.PathEscape(args[0])+"/ack", nil, &p); err != nil || c.json {
				return err
			}
			fmt.Printf("%s is %s by %s\n", p.ID, p.State, p.AckedBy)
			return nil
		},
	})
}

func newApprove(c *client) *cobra.Command {
	var deny bool
	var reason string
	cmd := &cobra.Command{
		Use: "approve [RUN SEQ]", Short: "List approvals that wait, or decide one", Args: cobra.MatchAll(cobra.MaximumNArgs(2), func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				return errors.New("an approval is a run and a number")
			}
			return nil
		}),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				var as []remediate.Approval
				if err := c.call(cmd.Context(), "GET", "/approvals", nil, &as); err != nil || c.json {
					return err
				}
				if len(as) == 0 {
					fmt.Println("no approval waits")
				}
				for _, a := range as {
					fmt.Printf("%s %d  until %s: %s\n", a.Run, a.Seq, a.Deadline.Local().Format(time.TimeOnly), a.Text)
				}
				return nil
			}
			var a remediate.Approval
			path := "/runs/" + url.PathEscape(args[0]) + "/approvals/" + url.PathEscape(args[1])
			if err := c.call(cmd.Context(), "POST", path, map[string]any{"grant": !deny, "reason": reason}, &a); err != nil || c.json {
				return err
			}
			fmt.Printf("%s: %s\n", a.State, a.Text)
			return nil
		},
	}
	cmd.Flags().BoolVar(&deny, "deny", false, "say no")
	cmd.Flags().StringVar(&reason, "reason", "", "why")
	return c.flags(cmd)
}

func newRuns(c *client) *cobra.Command {
	var incident string
	var dry bool
	cmd := &cobra.Command{
		Use: "run RUNBOOK --incident ID", Short: "Run a runbook for an incident", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if incident == "" {
				return usage(cmd, errors.New("say for which incident, with --incident"))
			}
			var r remediate.Run
			if err := c.call(cmd.Context(), "POST", "/runs", map[string]any{"incident": incident, "runbook": args[0], "dry_run": dry}, &r); err != nil || c.json {
				return err
			}
			fmt.Printf("%s is %s\n", r.ID, r.State)
			return nil
		},
	}
	cmd.Flags().StringVar(&incident, "incident", "", "incident that the run is for")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "look, and change nothing")
	return c.flags(cmd)
}

func newDeploy(c *client) *cobra.Command {
	var d observe.Deploy
	cmd := &cobra.Command{
		Use: "deploy SERVICE VERSION", Short: "Report a release", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := map[string]any{"service": args[0], "version": args[1], "commit": d.Commit, "author": d.Author, "previous_version": d.PreviousVersion, "url": d.URL}
			var out observe.Deploy
			if err := c.call(cmd.Context(), "POST", "/deploys", in, &out); err != nil || c.json {
				return err
			}
			fmt.Printf("%s: %s %s is on the timeline\n", out.ID, out.Service, out.Version)
			return nil
		},
	}
	cmd.Flags().StringVar(&d.Commit, "commit", "", "commit that was released")
	cmd.Flags().StringVar(&d.Author, "author", "", "who wrote it")
	cmd.Flags().StringVar(&d.PreviousVersion, "previous", "", "version before")
	cmd.Flags().StringVar(&d.URL, "link", "", "where the release can be looked at")
	return c.flags(cmd)
}

func newStatus(c *client) *cobra.Command {
	return c.flags(&cobra.Command{
		Use: "status", Short: "How the parts of the server are", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var s struct {
				Version, Database string
				Services          int
				Shadow            bool
				Parts             []struct {
					Name, Text string
					OK         bool
				}
				Failing []struct {
					Kind, About, Error string
					Since, Next        time.Time
					Attempts           int
				}
			}
			if err := c.call(cmd.Context(), "GET", "/status", nil, &s); err != nil || c.json {
				return err
			}
			fmt.Printf("nightkeeper %s on %s, %d services seen\n", s.Version, s.Database, s.Services)
			if s.Shadow {
				fmt.Println("shadow: it pages nobody")
			}
			for _, p := range s.Parts {
				mark := "ok  "
				if !p.OK {
					mark = "AWAY"
				}
				fmt.Printf("%s  %s: %s\n", mark, p.Name, p.Text)
			}
			for _, f := range s.Failing {
				next := "given up; it is tried again when the server is restarted"
				if !f.Next.IsZero() {
					next = "next attempt " + f.Next.Local().Format(time.DateTime)
				}
				fmt.Printf("FAILS %s, %s, %d times since %s: %s; %s\n", f.Kind, f.About, f.Attempts, f.Since.Local().Format(time.DateTime), f.Error, next)
			}
			return nil
		},
	})
}
