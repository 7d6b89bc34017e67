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

// envelope is what SNS posts.
type envelope struct {
	Type         string `json:"Type"`
	MessageID    string `json:"MessageId"`
	TopicARN     string `json:"TopicArn"`
	Subject      string `json:"Subject"`
	Message      string `json:"Message"`
	Token        string `json:"Token"`
	SubscribeURL string `json:"SubscribeURL"`
}

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

var (
	topicARN = regexp.MustCompile(`^arn:aws[a-z-]*:sns:([a-z0-9-]+):[0-9]{12}:[A-Za-z0-9_.-]{1,256}$`)
	alarmARN = regexp.MustCompile(`^arn:aws[a-z-]*:cloudwatch:([a-z0-9-]+):[0-9]{12}:alarm:.+$`)
)

// cloudwatch reads a message of SNS with an alarm of CloudWatch in it, or the alarm itself when SNS delivers raw messages.
func cloudwatch(s *server, q request) ([]detect.Incoming, error) {
	var e envelope
	if err := json.Unmarshal(q.body, &e); err != nil {
		return nil, invalid("this is not a message of SNS: %s", err)
	}
	if e.Type == "" {
		return alarmOf(q.body, envelope{}, q.now)
	}
	m := topicARN.FindStringSubmatch(e.TopicARN)
	if m == nil {
		return nil, invalid("TopicArn %.100q is not the name of a topic", e.TopicARN)
	}
	switch e.Type {
	case "Notification":
		return alarmOf([]byte(e.Message), e, q.now)
	case "UnsubscribeConfirmation":
		s.Log.Warn("a topic of SNS sends its alarms no longer: somebody ended the subscription", "integration", q.integration, "topic", e.TopicARN)
		return nil, nil
	case "SubscriptionConfirmation":
		if err := e.confirms(m[1]); err != nil {
			return nil, err
		}
		// Opening it is left to a person: nothing that a body names is fetched.
		s.Log.Info("a topic of SNS wants to send its alarms: to confirm that, open the address or run aws sns confirm-subscription",
			"integration", q.integration, "topic", e.TopicARN, "address", e.SubscribeURL, "token", e.Token)
		return nil, nil
	}
	return nil, invalid("Type is %.40q; it is Notification, SubscriptionConfirmation or UnsubscribeConfirmation", e.Type)
}

// confirms checks that opening the address does nothing but confirm the subscription of the topic in its region.
func (e envelope) confirms(region string) error {
	u, err := url.Parse(e.SubscribeURL)
	if err != nil {
		return invalid("SubscribeURL is not an address")
	}
	v := u.Query()
	switch {
	case u.Scheme != "https" || u.User != nil || (u.Host != "sns."+region+".amazonaws.com" && u.Host != "sns."+region+".amazonaws.com.cn"):
		return invalid("SubscribeURL is not at sns.%s.amazonaws.com", region)
	case v.Get("Action") != "ConfirmSubscription" || v.Get("TopicArn") != e.TopicARN || e.Token == "" || v.Get("Token") != e.Token:
		return invalid("SubscribeURL does not confirm the subscription of %s", e.TopicARN)
	}
	return nil
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
			Source: "cloudwatch", Key: e.MessageID, Title: cmp.Or(e.Subject, e.Message, "a message of "+e.TopicARN),
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
