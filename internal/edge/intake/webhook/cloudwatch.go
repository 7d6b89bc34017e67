package webhook

import (
	"cmp"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"time"

	"nightkeeper/internal/kit/door"
	"nightkeeper/internal/loop/detect"
)

// alarm is what CloudWatch says of an alarm whose state changed.
type alarm struct {
	Name        string `json:"AlarmName"`
	ARN         string `json:"AlarmArn"`
	Description string `json:"AlarmDescription"`
	Account     string `json:"AWSAccountId"`
	Region      string `json:"Region"`
	State       string `json:"NewStateValue"`
	Reason      string `json:"NewStateReason"`
	Changed     string `json:"StateChangeTime"`
	Trigger     struct {
		Metric     string `json:"MetricName"`
		Namespace  string `json:"Namespace"`
		Dimensions []struct {
			Name  string `json:"name"`
			Value string `json:"value"`
		} `json:"Dimensions"`
	} `json:"Trigger"`
}

var alarmARN = regexp.MustCompile(`^arn:aws[a-z-]*:cloudwatch:([a-z0-9-]+):[0-9]{12}:alarm:.+$`)

// cloudwatch reads a message of SNS with an alarm of CloudWatch in it, or the alarm itself when SNS delivers raw messages.
// Whether it is to be believed is checked before.
func cloudwatch(q detect.Sent) (out detect.Read, err error) {
	var e envelope
	if err := json.Unmarshal(q.Body, &e); err != nil {
		return out, invalid("this is not a message of SNS: %s", err)
	}
	switch {
	case e.Type == "":
		out.Alerts, err = alarmOf(q.Body, envelope{}, q.Now)
	case !topicARN.MatchString(e.TopicARN):
		err = invalid("TopicArn %.100q is not the name of a topic", e.TopicARN)
	case e.Type == snsNotification:
		out.Alerts, err = alarmOf([]byte(e.Message), e, q.Now)
	case e.Type == snsUnsubscribe:
		out.Note = "the topic " + e.TopicARN + " of SNS sends its alarms no longer: somebody ended the subscription"
	case e.Type == snsSubscribe:
		out.Note = "the topic " + e.TopicARN + " of SNS asks whether it may send its alarms"
	default:
		err = invalid("Type is %.40q; it is Notification, SubscriptionConfirmation or UnsubscribeConfirmation", e.Type)
	}
	return out, err
}

// alarmOf reads an alarm. Any other message of a topic is an alert of its own that nothing ends: it is better shown than
// lost.
func alarmOf(body []byte, e envelope, now time.Time) ([]detect.Incoming, error) {
	var a alarm
	if err := json.Unmarshal(body, &a); err != nil || a.Name == "" {
		if e.MessageID == "" {
			return nil, invalid("this is neither a message of SNS nor an alarm of CloudWatch")
		}
		return []detect.Incoming{{
			Source: "cloudwatch", Key: e.MessageID, Title: cmp.Or(e.subject(), e.Message, "a message of "+e.TopicARN),
			Labels: map[string]string{"topic": e.TopicARN}, Annotations: map[string]string{"description": door.Clip(e.Message, 10_000)},
		}}, nil
	}
	in := detect.Incoming{
		Source: "cloudwatch", Key: cmp.Or(a.ARN, a.Account+"/"+a.Region+"/"+a.Name), Title: a.Name,
		Labels:      map[string]string{"alertname": a.Name},
		Annotations: map[string]string{"description": strings.TrimSpace(a.Description + "\n" + a.Reason)},
	}
	region := a.Region
	if m := alarmARN.FindStringSubmatch(a.ARN); m != nil {
		region = m[1]
		in.URL = "https://" + region + ".console.aws.amazon.com/cloudwatch/home?region=" + region + "#alarmsV2:alarm/" + url.PathEscape(a.Name)
	}
	set := map[string]string{"account": a.Account, "region": region, "metric": a.Trigger.Metric, "aws_namespace": a.Trigger.Namespace, "topic": e.TopicARN}
	for _, d := range a.Trigger.Dimensions {
		set[d.Name] = d.Value
	}
	for name, value := range set {
		if name != "" && value != "" && in.Labels[name] == "" {
			in.Labels[name] = value
		}
	}
	changed, err := time.Parse("2006-01-02T15:04:05.000-0700", a.Changed)
	if err != nil {
		changed = time.Time{} // it only says when, and is shown
	}
	switch a.State {
	case "OK":
		in.EndsAt = over(changed, now)
	case "ALARM", "INSUFFICIENT_DATA": // no data is no recovery
		in.StartsAt = changed
	default:
		return nil, invalid("NewStateValue is %.40q; it is ALARM, OK or INSUFFICIENT_DATA", a.State)
	}
	return []detect.Incoming{in}, nil
}
