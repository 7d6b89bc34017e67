// Package ntfy is a page.Channel that sends pages as push messages by a server of ntfy, one's own or ntfy.sh. Who knows
// the name of a topic can read it, so topics may be named in the channels file and are not shown.
package ntfy
