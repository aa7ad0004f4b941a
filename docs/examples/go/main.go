// Command follow lists stations, has one report its transaction, and follows energy and costs across reconnects.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	apiv1 "example.com/follow/gen/citrine/api/v1"
	eventsv1 "example.com/follow/gen/citrine/events/v1"
	ocppv2 "example.com/follow/gen/citrine/ocpp/v2"
)

// silence is how long a stream may say nothing: the core sends a sign of life every 15 s.
const silence = 45 * time.Second

// caller is who calls: it goes with every rpc.
type caller struct{ key, tenant string }

func (c caller) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + c.key, "citrine-tenant": c.tenant}, nil
}

// RequireTransportSecurity allows plain text, as of the demo. With TLS it should return true.
func (caller) RequireTransportSecurity() bool { return false }

// connectedStations prints the stations, page by page, and returns the ids of those that are connected.
func connectedStations(ctx context.Context, stations apiv1.StationsServiceClient) (connected []string, err error) {
	request := &apiv1.ListStationsRequest{}
	for {
		page, err := stations.ListStations(ctx, request)
		if err != nil {
			return nil, err
		}
		for _, station := range page.Stations {
			state := "offline"
			if station.Connected {
				state = "connected"
				connected = append(connected, station.StationId)
			}
			fmt.Println(station.StationId, state)
		}
		if request.PageToken = page.NextPageToken; request.PageToken == "" {
			return connected, nil
		}
	}
}

// follow hands events on until no later attempt can cure what is wrong. Each comes at least once: one that must count
// once is recognised by its token.
func follow(ctx context.Context, events eventsv1.EventsServiceClient, handle func(*eventsv1.Event) error) error {
	token := "" // a program that must miss nothing stores it with what it made of the event
	for wait := 250 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		err := subscribe(ctx, events, token, func(event *eventsv1.Event) error {
			if err := handle(event); err != nil {
				return err
			}
			token, wait = cmp.Or(event.Token, token), 250*time.Millisecond
			return nil
		})
		switch status.Code(err) {
		case codes.Unauthenticated, codes.PermissionDenied, codes.InvalidArgument, codes.NotFound, codes.OutOfRange:
			return err
		}
		fmt.Println("stream lost:", status.Code(err))
		time.Sleep(time.Duration(float64(wait) * (0.5 + rand.Float64()/2)))
	}
}

// subscribe hands events on until one stream ends.
func subscribe(
	ctx context.Context, events eventsv1.EventsServiceClient, token string, handle func(*eventsv1.Event) error,
) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := events.Subscribe(ctx, &eventsv1.SubscribeRequest{FromToken: token})
	if err != nil {
		return err
	}
	alarm := time.AfterFunc(silence, cancel)
	defer alarm.Stop()
	for {
		response, err := stream.Recv()
		if err != nil {
			return err
		}
		alarm.Reset(silence)
		if err := handle(response.GetEvent()); err != nil {
			return err
		}
	}
}

// show prints what a transaction took so far, or costs.
func show(event *eventsv1.Event) {
	type withTransaction interface {
		GetTransaction() *eventsv1.TransactionSummary
	}
	var about withTransaction
	switch body := event.GetBody().(type) {
	case *eventsv1.Event_TransactionStarted:
		about = body.TransactionStarted
	case *eventsv1.Event_TransactionUpdated:
		about = body.TransactionUpdated
	case *eventsv1.Event_TransactionEnded:
		about = body.TransactionEnded
	case *eventsv1.Event_TransactionCostChanged:
		cost := body.TransactionCostChanged
		fmt.Println(event.StationId, cost.TransactionId, "costs", cost.AfterTax, cost.Currency)
	}
	if about != nil && about.GetTransaction().EnergyWh != nil {
		transaction := about.GetTransaction()
		fmt.Printf("%s %s took %.3f kWh\n", event.StationId, transaction.TransactionId, *transaction.EnergyWh/1000)
	}
}

func run(ctx context.Context) error {
	key, err := os.ReadFile(cmp.Or(os.Getenv("CITRINE_KEY_FILE"), ".citrine/operator.key"))
	if err != nil {
		return err
	}
	who := caller{strings.TrimSpace(string(key)), cmp.Or(os.Getenv("CITRINE_TENANT"), "demo")}
	channel, err := grpc.NewClient(
		cmp.Or(os.Getenv("CITRINE_CORE"), "127.0.0.1:50051"),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithPerRPCCredentials(who),
	)
	if err != nil {
		return err
	}
	defer channel.Close()

	connected, err := connectedStations(ctx, apiv1.NewStationsServiceClient(channel))
	if err != nil {
		return err
	}
	remoteControl := apiv1.NewRemoteControlServiceClient(channel)
	return follow(ctx, eventsv1.NewEventsServiceClient(channel), func(event *eventsv1.Event) error {
		if len(connected) > 0 { // the stream is open, so what the station reports now is seen
			stationID := connected[0]
			connected = nil
			answer, err := remoteControl.TriggerMessage(ctx, &apiv1.TriggerMessageRequest{
				Target: &apiv1.CommandTarget{StationId: stationID},
				Request: &ocppv2.TriggerMessageRequest{
					RequestedMessage: ocppv2.MessageTriggerEnum_MESSAGE_TRIGGER_ENUM_TRANSACTION_EVENT,
				},
			})
			if err != nil {
				return errors.Join(fmt.Errorf("%s was not asked", stationID), err)
			}
			spelled := strings.TrimPrefix(answer.GetResponse().GetStatus().String(), "TRIGGER_MESSAGE_STATUS_ENUM_")
			fmt.Println(stationID, "answered", spelled)
		}
		show(event)
		return nil
	})
}

func main() {
	log.SetFlags(0)
	if err := run(context.Background()); err != nil {
		log.Fatal("error: ", err)
	}
}
