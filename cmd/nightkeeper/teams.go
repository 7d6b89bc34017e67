package main

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/respond"
)

func newTeams(c *client) *cobra.Command {
	return c.flags(&cobra.Command{
		Use: "teams [NAME]", Short: "Teams, who is on call for them, and what asks for them", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				var t respond.Team
				if err := c.call(cmd.Context(), "GET", "/teams/"+url.PathEscape(args[0]), nil, &t); err != nil || c.json {
					return err
				}
				return printTeam(t)
			}
			var ts []respond.Team
			if err := c.call(cmd.Context(), "GET", "/teams", nil, &ts); err != nil || c.json {
				return err
			}
			w := table()
			fmt.Fprintln(w, "TEAM\tPEOPLE\tON CALL\tSERVICES\tFIRING\tINCIDENTS\tTICKETS")
			for _, t := range ts {
				fmt.Fprintf(w, "%s\t%d\t%s\t%d\t%d\t%d\t%d\n", t.Name, len(t.Members), onCallFor(t), len(t.Services), t.Firing(), len(t.Incidents), len(t.Tickets))
			}
			return w.Flush()
		},
	})
}

// onCallFor names who is on call on each schedule of a team.
func onCallFor(t respond.Team) string {
	var out []string
	for _, d := range t.Schedules {
		out = append(out, d.Schedule+" "+people(d.Now))
	}
	return cmp.Or(strings.Join(out, "; "), "no schedule")
}

func printTeam(t respond.Team) error {
	fmt.Println(t.Title)
	w := table()
	fmt.Fprintln(w, "\nPERSON\tTIME ZONE\tON CALL\tCONTACTS")
	for _, m := range t.Members {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", m.Person, cmp.Or(m.TimeZone, "-"), cmp.Or(strings.Join(m.OnCall, ", "), "-"), readyLine(m.Ready))
	}
	fmt.Fprintln(w, "\nSCHEDULE\tNOW\tUNTIL\tNEXT")
	for _, d := range t.Schedules {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", d.Schedule, people(d.Now), local(d.Now.To), people(d.Next))
	}
	fmt.Fprintln(w, "\nSERVICE\tTIER\tFIRING\tWORST")
	for _, s := range t.Services {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", s.Service, s.Tier, s.Firing, cmp.Or(string(s.Severity), "-"))
	}
	fmt.Fprintln(w, "\nINCIDENT\tSEVERITY\tSTATUS\tTITLE")
	for _, i := range t.Incidents {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", i.ID, i.Severity, i.Status, i.Title)
	}
	fmt.Fprintln(w, "\nTICKET\tDUE\tWHO\tTITLE")
	for _, k := range t.Tickets {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", k.ID, k.DueFrom.Format("Mon 2006-01-02"), cmp.Or(k.TakenBy, "-"), k.Title)
	}
	return w.Flush()
}

// readyLine says how far each contact is known to work.
func readyLine(rs []page.Readiness) string {
	var out []string
	for _, r := range rs {
		out = append(out, r.Channel+" "+r.State)
	}
	return cmp.Or(strings.Join(out, ", "), "-")
}
