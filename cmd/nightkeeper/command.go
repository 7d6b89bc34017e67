package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nightkeeper/internal/loop/respond"
)

func newRegions(c *client) *cobra.Command {
	return c.flags(&cobra.Command{
		Use: "regions", Short: "Regions, and who commands for them now", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var ws []respond.Watch
			if err := c.call(cmd.Context(), "GET", "/regions", nil, &ws); err != nil || c.json {
				return err
			}
			w := table()
			fmt.Fprintln(w, "REGION\tON DUTY\tUNTIL\tCHAIN")
			for _, x := range ws {
				on := "no"
				if x.On {
					on = "yes"
				}
				var chain []string
				for _, p := range x.Chain {
					chain = append(chain, p.Role+" "+cmp.Or(strings.Join(p.People, ", "), "nobody"))
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", x.Region, on, local(x.Edge), strings.Join(chain, "; "))
			}
			return w.Flush()
		},
	})
}

func newIncidentRoles(c *client) *cobra.Command {
	var call bool
	cmd := &cobra.Command{
		Use: "roles INC-1 [ROLE PERSON]", Short: "Who has which role in an incident; give one to a person, or call whoever is on it",
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case call && len(args) != 2:
				return errors.New("--call wants an incident and a role of the catalog")
			case !call && len(args) != 1 && len(args) != 3:
				return errors.New("give an incident to see its roles, and a role and a person to give one")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			method, path, in := "GET", "/incidents/"+url.PathEscape(args[0]), map[string]any(nil)
			if len(args) > 1 {
				method, path, in = "POST", path+"/roles", map[string]any{"role": args[1]}
			}
			if len(args) > 2 {
				in["person"] = args[2]
			}
			var i respond.Incident
			var body any
			if in != nil {
				body = in
			}
			if err := c.call(cmd.Context(), method, path, body, &i); err != nil || c.json {
				return err
			}
			w := table()
			fmt.Fprintln(w, "ROLE\tPERSON\tCALLING")
			calling := ""
			if i.Command.Calling != nil {
				calling = strings.Join(i.Command.Calling.People, ", ")
			}
			fmt.Fprintf(w, "commander\t%s\t%s\n", i.Commander, calling)
			for _, r := range i.Roles {
				fmt.Fprintf(w, "%s\t%s\t%s\n", r.Name, r.Person, strings.Join(r.Calling, ", "))
			}
			return w.Flush()
		},
	}
	cmd.Flags().BoolVar(&call, "call", false, "page whoever is on the role now: who acknowledges has it")
	return c.flags(cmd)
}

func newHandoff(c *client) *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use: "handoff INC-1", Short: "Hand command of an incident over now", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.handoff(cmd, "POST", "/incidents/"+url.PathEscape(args[0])+"/handoff", map[string]any{"to": to})
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "a person; without it, whoever is on duty next")
	cmd = c.flags(cmd)
	cmd.AddCommand(newHandoffList(c), newHandoffShow(c), newHandoffAccept(c), newHandoffEnd(c), newHandoffWrite(c), newHandoffAsk(c), newHandoffAnswer(c), newHandoffQuality(c))
	return cmd
}

// handoff makes a call that answers with a handoff, and says how it stands.
func (c *client) handoff(cmd *cobra.Command, method, path string, in any) error {
	var h respond.Handoff
	if err := c.call(cmd.Context(), method, path, in, &h); err != nil || c.json {
		return err
	}
	fmt.Printf("%s of %s is %s: %s\n", h.ID, h.Incident, h.State, parties(h))
	return nil
}

func handoffPath(id string) string { return "/handoffs/" + url.PathEscape(id) }

func parties(h respond.Handoff) string {
	side := func(person, region string) string {
		return strings.TrimSpace(cmp.Or(person, "nobody") + " " + region)
	}
	return side(h.From, h.FromRegion) + " to " + side(cmp.Or(h.AcceptedBy, h.To), h.ToRegion)
}

func newHandoffList(c *client) *cobra.Command {
	var incident string
	cmd := &cobra.Command{
		Use: "list", Short: "List handoffs, the newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var hs []respond.Handoff
			if err := c.call(cmd.Context(), "GET", "/handoffs?"+url.Values{"incident": {incident}}.Encode(), nil, &hs); err != nil || c.json {
				return err
			}
			w := table()
			fmt.Fprintln(w, "ID\tINCIDENT\tSTATE\tDUE\tTOOK\tQUESTIONS\tFROM AND TO")
			for _, h := range hs {
				took := ""
				if h.State == respond.Accepted {
					took = h.Took().Round(time.Second).String()
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\n", h.ID, h.Incident, h.State, local(h.DueAt), took, len(h.Questions), parties(h))
			}
			return w.Flush()
		},
	}
	cmd.Flags().StringVar(&incident, "incident", "", "only of this incident")
	return c.flags(cmd)
}

func newHandoffShow(c *client) *cobra.Command {
	return c.flags(&cobra.Command{
		Use: "show HO-1", Short: "A handoff: its document and its questions", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var h respond.Handoff
			if err := c.call(cmd.Context(), "GET", handoffPath(args[0]), nil, &h); err != nil || c.json {
				return err
			}
			fmt.Printf("%s of %s is %s: %s\n\n", h.ID, h.Incident, h.State, parties(h))
			d, w := h.Document, table()
			lines := func(ls []respond.Line) string {
				var out []string
				for _, l := range ls {
					out = append(out, l.At.Local().Format(time.TimeOnly)+" "+l.Text)
				}
				return strings.Join(out, "\n\t")
			}
			for _, row := range [][2]string{{"Severity", d.Severity}, {"Status", d.Status}, {"Broken", d.Broken}, {"Since", local(d.Since)}, {"Impact", d.Impact}, {"Cause", d.Cause},
				{"Tried", lines(d.Tried)}, {"Waits for somebody", strings.Join(d.Open, "\n\t")}, {"Roles", strings.Join(d.Roles, "; ")},
				{"Open questions", d.Questions}, {"Next steps", d.Next}, {"Newest facts", lines(d.Newest)}} {
				fmt.Fprintf(w, "%s\t%s\n", row[0], cmp.Or(row[1], "–"))
			}
			for k, q := range h.Questions {
				fmt.Fprintf(w, "Question %d\t%s: %s\n", k+1, q.By, q.Text)
				if !q.AnsweredAt.IsZero() {
					fmt.Fprintf(w, "\t%s: %s\n", q.AnsweredBy, cmp.Or(q.Answer, "it was in the document already"))
				}
			}
			return w.Flush()
		},
	})
}

func newHandoffAccept(c *client) *cobra.Command {
	return c.flags(&cobra.Command{
		Use: "accept HO-1", Short: "Take command: you have read the document", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.handoff(cmd, "POST", handoffPath(args[0])+"/accept", nil)
		},
	})
}

func newHandoffEnd(c *client) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "end HO-1 --reason TEXT", Short: "End a handoff: the commander keeps command", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.handoff(cmd, "POST", handoffPath(args[0])+"/end", map[string]any{"reason": reason})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why command stays")
	return c.flags(cmd)
}

func newHandoffWrite(c *client) *cobra.Command {
	var questions, next string
	cmd := &cobra.Command{
		Use: "write HO-1", Short: "Write open questions and next steps into the document", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var h respond.Handoff
			was := *c
			was.json = false
			if err := was.call(cmd.Context(), "GET", handoffPath(args[0]), nil, &h); err != nil {
				return err
			}
			in := map[string]any{"questions": h.Document.Questions, "next": h.Document.Next}
			for name, text := range map[string]string{"questions": questions, "next": next} {
				if cmd.Flags().Changed(name) {
					in[name] = text
				}
			}
			return c.handoff(cmd, "PUT", handoffPath(args[0])+"/document", in)
		},
	}
	cmd.Flags().StringVar(&questions, "questions", "", "open questions; what was written before is replaced")
	cmd.Flags().StringVar(&next, "next", "", "next steps; what was written before is replaced")
	return c.flags(cmd)
}

func newHandoffAsk(c *client) *cobra.Command {
	return c.flags(&cobra.Command{
		Use: "ask HO-1 TEXT", Short: "Ask the outgoing commander", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.handoff(cmd, "POST", handoffPath(args[0])+"/questions", map[string]any{"text": args[1]})
		},
	})
}

func newHandoffAnswer(c *client) *cobra.Command {
	var already bool
	cmd := &cobra.Command{
		Use: "answer HO-1 NUMBER [TEXT]", Short: "Answer a question, the first being 1", Args: cobra.RangeArgs(2, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := strconv.Atoi(args[1])
			if err != nil {
				return usage(cmd, fmt.Errorf("%q is not the number of a question", args[1]))
			}
			return c.handoff(cmd, "POST", fmt.Sprintf("%s/questions/%d/answer", handoffPath(args[0]), n), map[string]any{"text": strings.Join(args[2:], ""), "already": already})
		},
	}
	cmd.Flags().BoolVar(&already, "already", false, "the document said so already: context was lost")
	return c.flags(cmd)
}

func newHandoffQuality(c *client) *cobra.Command {
	return c.flags(&cobra.Command{
		Use: "quality", Short: "How well command is handed over", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var q respond.Quality
			if err := c.call(cmd.Context(), "GET", "/handoffs/quality", nil, &q); err != nil || c.json {
				return err
			}
			w := table()
			fmt.Fprintln(w, "KIND\tHANDOFFS\tMEDIAN\tTARGET\tIN TIME")
			for _, s := range []struct {
				name string
				respond.Speed
			}{{"synchronous", q.Sync}, {"asynchronous", q.Async}} {
				fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%.0f %%\n", s.name, s.Handoffs, s.Median, s.Target, 100*s.Share)
			}
			if err := w.Flush(); err != nil {
				return err
			}
			_, err := fmt.Fprintf(os.Stdout, "\ncontext lost in %d of %d (%.0f %%, target under %.0f %%); %d questions, %d answered by the document\n", q.Lost, q.Handoffs, 100*q.LostShare, 100*q.LostTarget, q.Questions, q.Already)
			return err
		},
	})
}
