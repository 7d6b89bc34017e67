package main

import (
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"nightkeeper/internal/loop/detect"
)

// heartbeat is one as the API shows it.
type heartbeat struct {
	Name     string    `json:"name"`
	Interval string    `json:"interval"`
	Grace    string    `json:"grace"`
	Service  string    `json:"service"`
	State    string    `json:"state"`
	LastPing time.Time `json:"last_ping"`
	DueAt    time.Time `json:"due_at"`
	Alert    string    `json:"alert"`

	Misses []detect.Miss `json:"misses"`
}

func newHeartbeats(c *client) *cobra.Command {
	cmd := c.flags(&cobra.Command{
		Use: "heartbeats", Short: "Signs of life that jobs send, and which stay away", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all []heartbeat
			if err := c.call(cmd.Context(), "GET", "/heartbeats", nil, &all); err != nil || c.json {
				return err
			}
			w := table()
			fmt.Fprintln(w, "NAME\tSTATE\tEVERY\tLAST HEARD OF\tEXPECTED UNTIL\tALERT")
			for _, h := range all {
				last, due := "never", h.DueAt.Local().Format(time.DateTime)
				if !h.LastPing.IsZero() {
					last = h.LastPing.Local().Format(time.DateTime)
				}
				if h.State == "off" {
					due = ""
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", h.Name, h.State, h.Interval, last, due, h.Alert)
			}
			return w.Flush()
		},
	})
	cmd.AddCommand(newHeartbeatShow(c), newHeartbeatPing(c), newHeartbeatAdd(c), newHeartbeatRemove(c))
	return cmd
}

func newHeartbeatShow(c *client) *cobra.Command {
	return c.flags(&cobra.Command{
		Use: "show NAME", Short: "When a heartbeat was heard of, and when it stayed away", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var h heartbeat
			if err := c.call(cmd.Context(), "GET", "/heartbeats/"+url.PathEscape(args[0]), nil, &h); err != nil || c.json {
				return err
			}
			fmt.Printf("%s is %s, expected every %s and %s later at the most\n", h.Name, h.State, h.Interval, h.Grace)
			w := table()
			fmt.Fprintln(w, "STAYED AWAY FROM\tUNTIL\tALERT")
			for _, m := range h.Misses {
				until := "now"
				if !m.Until.IsZero() {
					until = m.Until.Local().Format(time.DateTime)
				}
				fmt.Fprintf(w, "%s\t%s\t%s\n", m.From.Local().Format(time.DateTime), until, m.Alert)
			}
			return w.Flush()
		},
	})
}

func newHeartbeatPing(c *client) *cobra.Command {
	return c.flags(&cobra.Command{
		Use: "ping NAME", Short: "Say that a job lives", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var h heartbeat
			if err := c.call(cmd.Context(), "POST", "/heartbeats/"+url.PathEscape(args[0])+"/ping", nil, &h); err != nil || c.json {
				return err
			}
			fmt.Printf("%s is expected again until %s\n", h.Name, h.DueAt.Local().Format(time.DateTime))
			return nil
		},
	})
}

func newHeartbeatAdd(c *client) *cobra.Command {
	in := map[string]any{}
	var every, grace, service, severity, text string
	cmd := &cobra.Command{
		Use: "add NAME --every INTERVAL", Short: "Expect a heartbeat, or change one that was made so", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for k, v := range map[string]string{"name": args[0], "interval": every, "grace": grace, "service": service, "severity": severity, "text": text} {
				if v != "" || k == "interval" {
					in[k] = v
				}
			}
			var h heartbeat
			if err := c.call(cmd.Context(), "POST", "/heartbeats", in, &h); err != nil || c.json {
				return err
			}
			fmt.Printf("%s is expected until %s\n", h.Name, h.DueAt.Local().Format(time.DateTime))
			return nil
		},
	}
	cmd.Flags().StringVar(&every, "every", "", "how often it comes, such as 5m or 1d (required)")
	cmd.Flags().StringVar(&grace, "grace", "1m", "how much later it may be")
	cmd.Flags().StringVar(&service, "service", "", "that the alert is about")
	cmd.Flags().StringVar(&severity, "severity", "", "SEV1 to SEV4; default SEV2")
	cmd.Flags().StringVar(&text, "text", "", "what it is for")
	return c.flags(cmd)
}

func newHeartbeatRemove(c *client) *cobra.Command {
	return c.flags(&cobra.Command{
		Use: "remove NAME", Short: "Expect a heartbeat no more", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := c.call(cmd.Context(), "DELETE", "/heartbeats/"+url.PathEscape(args[0]), nil, nil); err != nil || c.json {
				return err
			}
			fmt.Println(args[0] + " is expected no more")
			return nil
		},
	})
}
