// A Spring Boot program on RabbitMQ (spring-amqp) or Kafka (spring-kafka) that knows nothing but
// docs/brokers.md. Standard input and output are those of with_pika.py. Arguments: the URL, what it serves, the
// event that it hears, and for Kafka the topic of its answers.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.springframework.amqp.core.Binding;
import org.springframework.amqp.core.BindingBuilder;
import org.springframework.amqp.core.Declarables;
import org.springframework.amqp.core.Message;
import org.springframework.amqp.core.MessageProperties;
import org.springframework.amqp.core.Queue;
import org.springframework.amqp.core.QueueBuilder;
import org.springframework.amqp.core.TopicExchange;
import org.springframework.amqp.rabbit.annotation.RabbitListener;
import org.springframework.amqp.rabbit.core.RabbitTemplate;
import org.springframework.amqp.support.converter.Jackson2JsonMessageConverter;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;
import org.springframework.kafka.annotation.KafkaListener;
import org.springframework.kafka.core.ConsumerFactory;
import org.springframework.kafka.core.ProducerFactory;
import org.springframework.kafka.listener.ConcurrentMessageListenerContainer;
import org.springframework.kafka.listener.ContainerProperties;
import org.springframework.kafka.requestreply.ReplyingKafkaTemplate;
import org.springframework.kafka.support.converter.StringJsonMessageConverter;
import org.springframework.messaging.handler.annotation.Payload;
import org.springframework.messaging.handler.annotation.SendTo;

@Configuration(proxyBeanMethods = false)
@EnableAutoConfiguration
public class Stranger {
  static final ObjectMapper json = new ObjectMapper();

  record Weight(long kg) {}

  record Quote(String to, long cents) {}

  interface Sender {
    void send(String verb, JsonNode what) throws Exception;
  }

  static synchronized void say(String what, Object value) {
    System.out.println(json.valueToTree(Map.of(what, value)));
    System.out.flush();
  }

  public static void main(String[] args) throws Exception {
    URI url = URI.create(args[0]);
    boolean isKafka = url.getScheme().equals("kafka");
    Map<String, Object> properties = new LinkedHashMap<>();
    properties.put("spring.main.banner-mode", "off");
    properties.put("logging.level.root", "error");
    properties.put("stranger.serves", args[1]);
    properties.put("stranger.hears", args[2]);
    properties.put("stranger.answers", args.length > 3 ? args[3] : "");
    properties.put("stranger.broker", isKafka ? "kafka" : "rabbitmq");
    if (isKafka) {
      properties.put("spring.kafka.bootstrap-servers", url.getAuthority());
      properties.put("spring.kafka.consumer.group-id", args[1]);
      properties.put("spring.kafka.consumer.auto-offset-reset", "earliest");
    } else {
      properties.put("spring.rabbitmq.addresses", args[0]);
    }
    SpringApplication application = new SpringApplication(Stranger.class);
    application.setDefaultProperties(properties);
    ConfigurableApplicationContext context = application.run();
    say("ready", true);
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      Map.Entry<String, JsonNode> command = json.readTree(line).fields().next();
      context.getBean(Sender.class).send(command.getKey(), command.getValue());
    }
    context.close();
    System.exit(0);
  }

  static byte[] bytesOf(JsonNode payload) throws Exception {
    return json.writeValueAsBytes(payload);
  }

  @Configuration(proxyBeanMethods = false)
  @ConditionalOnProperty(name = "stranger.broker", havingValue = "rabbitmq")
  static class OnRabbit {
    @Bean
    Jackson2JsonMessageConverter converter() {
      Jackson2JsonMessageConverter converter = new Jackson2JsonMessageConverter();
      converter.setAlwaysConvertToInferredType(true); // the type is the listener's, not one of a header
      return converter;
    }

    @Bean
    Declarables topology(Environment environment) {
      String serves = environment.getProperty("stranger.serves");
      String hears = environment.getProperty("stranger.hears");
      TopicExchange commands = new TopicExchange(serves);
      TopicExchange events = new TopicExchange("posthorn.events");
      Queue inbox = QueueBuilder.durable(serves).quorum().build();
      Queue heard = QueueBuilder.durable(serves + "." + hears).quorum().build();
      Binding all = BindingBuilder.bind(inbox).to(commands).with("#");
      Binding some = BindingBuilder.bind(heard).to(events).with(hears + ".#");
      return new Declarables(commands, events, inbox, heard, all, some);
    }

    /** Spring sends what it returns to reply_to, with the correlation id. */
    @RabbitListener(queues = "${stranger.serves}")
    Quote quote(@Payload Weight weight, Message message) {
      MessageProperties properties = message.getMessageProperties();
      Map<String, Object> served = new LinkedHashMap<>();
      served.put("key", properties.getReceivedRoutingKey());
      served.put("operation", properties.getType());
      served.put("payload", weight);
      served.put("messageId", properties.getMessageId());
      served.put("correlationId", properties.getCorrelationId());
      say("served", served);
      return new Quote(properties.getReceivedRoutingKey(), weight.kg() * 100);
    }

    @RabbitListener(queues = "${stranger.serves}.${stranger.hears}")
    void hear(@Payload Map<String, Object> payload, Message message) {
      say("heard", Map.of("key", message.getMessageProperties().getReceivedRoutingKey(), "payload", payload));
    }

    @Bean
    Sender sender(RabbitTemplate template) {
      template.setUseDirectReplyToContainer(true);
      return (verb, what) -> {
        MessageProperties properties = new MessageProperties();
        properties.setContentType("application/json");
        properties.setMessageId(UUID.randomUUID().toString());
        Message message = new Message(bytesOf(what.path("payload")), properties);
        if (verb.equals("publish")) {
          String subject = what.path("subject").asText("");
          String event = what.path("event").asText();
          template.send("posthorn.events", subject.isEmpty() ? event : event + "." + subject, message);
          return;
        }
        properties.setType(what.path("operation").asText());
        String exchange = what.path("protocol").asText();
        String key = what.path("key").asText();
        if (verb.equals("tell")) {
          template.send(exchange, key, message);
          return;
        }
        Message answer = template.sendAndReceive(exchange, key, message);
        say("answer", answer == null
            ? Map.of("payload", "none")
            : Map.of(
                "payload", json.readTree(answer.getBody()),
                "contentType", String.valueOf(answer.getMessageProperties().getContentType())));
      };
    }
  }

  @Configuration(proxyBeanMethods = false)
  @ConditionalOnProperty(name = "stranger.broker", havingValue = "kafka")
  static class OnKafka {
    @Bean
    StringJsonMessageConverter converter() {
      return new StringJsonMessageConverter();
    }

    /** Spring sends what it returns to the topic of kafka_replyTopic, with kafka_correlationId. */
    @KafkaListener(topics = "${stranger.serves}")
    @SendTo
    Quote quote(@Payload Weight weight, ConsumerRecord<String, String> record) {
      say("served", describe(record, weight));
      return new Quote(record.key(), weight.kg() * 100);
    }

    @KafkaListener(topics = "${stranger.hears}", groupId = "${stranger.serves}.events")
    void hear(@Payload Map<String, Object> payload, ConsumerRecord<String, String> record) {
      say("heard", describe(record, payload));
    }

    static Map<String, Object> describe(ConsumerRecord<String, String> record, Object payload) {
      Map<String, String> headers = new LinkedHashMap<>();
      for (Header header : record.headers()) {
        headers.put(header.key(), new String(header.value(), StandardCharsets.UTF_8));
      }
      Map<String, Object> described = new LinkedHashMap<>();
      described.put("key", record.key());
      described.put("operation", headers.get("operation"));
      described.put("payload", payload);
      described.put("headers", headers);
      return described;
    }

    /** Also the template with which Spring answers. */
    @Bean
    ReplyingKafkaTemplate<Object, Object, Object> template(
        ProducerFactory<Object, Object> producers,
        ConsumerFactory<Object, Object> consumers,
        StringJsonMessageConverter converter,
        Environment environment) {
      ContainerProperties answers = new ContainerProperties(environment.getProperty("stranger.answers"));
      answers.setGroupId(environment.getProperty("stranger.serves") + ".answers");
      ReplyingKafkaTemplate<Object, Object, Object> template = new ReplyingKafkaTemplate<>(
          producers, new ConcurrentMessageListenerContainer<>(consumers, answers));
      template.setMessageConverter(converter);
      return template;
    }

    @Bean
    Sender sender(ReplyingKafkaTemplate<Object, Object, Object> template) {
      return (verb, what) -> {
        boolean isEvent = verb.equals("publish");
        String topic = what.path(isEvent ? "event" : "protocol").asText();
        String body = json.writeValueAsString(what.path("payload"));
        ProducerRecord<Object, Object> record =
            new ProducerRecord<>(topic, what.path("key").asText(null), body);
        record.headers().add("id", UUID.randomUUID().toString().getBytes(StandardCharsets.UTF_8));
        if (!isEvent) {
          record.headers().add("operation", what.path("operation").asText().getBytes(StandardCharsets.UTF_8));
        }
        if (!verb.equals("call")) {
          template.send(record).get();
          return;
        }
        String answer = template.sendAndReceive(record).get().value().toString();
        say("answer", Map.of("payload", json.readTree(answer)));
      };
    }
  }
}
