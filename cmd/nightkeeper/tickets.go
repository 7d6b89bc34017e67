package main

import (
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"nightkeeper/internal/loop/page"
)

func newTickets(c *client) *cobra.Command {
	all := false
	cmd := &cobra.Command{
		Use: "tickets", Short: "What pages nobody and waits for the next business day", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path := "/tickets"
			if all {
				path += "?all=true"
			}
			var ts []page.Ticket
			if err := c.call(cmd.Context(), "GET", path, nil, &ts); err != nil || c.json {
				return err
			}
			w := table()
			fmt.Fprintln(w, "ID\tSTATE\tDUE\tTEAM\tWHO\tTITLE")
			for _, t := range ts {
				due, who := t.DueFrom.Format("Mon 2006-01-02"), t.TakenBy
				if t.Late(time.Now()) {
					due += " LATE"
				}
				if t.DoneBy != "" {
					who = t.DoneBy
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", t.ID, t.State, due, t.Team, who, t.Title)
			}
			return w.Flush()
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "done ones too")
	cmd.AddCommand(newTicketTake(c), newTicketDone(c))
	return c.flags(cmd)
}

func newTicketTake(c *client) *cobra.Command {
	return c.flags(&cobra.Command{
		Use: "take ID", Short: "Take a ticket", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var t page.Ticket
			if err := c.call(cmd.Context(), "POST", "/tickets/"+url.PathEscape(args[0])+"/take", nil, &t); err != nil || c.json {
				return err
			}
			fmt.Printf("%s: %s has it\n", t.Title, t.TakenBy)
			return nil
		},
	})
}

func newTicketDone(c *client) *cobra.Command {
	reason := ""
	cmd := &cobra.Command{
		Use: "done ID --reason WHY", Short: "Say that a ticket is done, and why", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if reason == "" {
				return usage(cmd, fmt.Errorf("say why with --reason"))
			}
			var t page.Ticket
			if err := c.call(cmd.Context(), "POST", "/tickets/"+url.PathEscape(args[0])+"/done", map[string]any{"reason": reason}, &t); err != nil || c.json {
				return err
			}
			fmt.Printf("%s: done\n", t.Title)
			return nil
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why it is done")
	return c.flags(cmd)
}
