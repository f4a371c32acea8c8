/* oip.h - the Open Inference Protocol, version 2: what its clients ask for beside the loss, and how
 * they ask for that. One model, whose only version is 1. */
#ifndef OIP_H
#define OIP_H

#include "http/route.h"

/* A route's open: POST .../infer. */
struct work *oip_open_infer(struct service *service, const struct head *head,
                            struct response *response);

/* Routes' respond. */
void oip_respond_live(struct service *service, const struct head *head, struct response *response);
void oip_respond_ready(struct service *service, const struct head *head, struct response *response);
void oip_respond_server(struct service *service, const struct head *head,
                        struct response *response);
void oip_respond_model(struct service *service, const struct head *head, struct response *response);
void oip_respond_model_ready(struct service *service, const struct head *head,
                             struct response *response);
void oip_respond_config(struct service *service, const struct head *head,
                        struct response *response);
void oip_respond_statistics(struct service *service, const struct head *head,
                            struct response *response);
void oip_respond_index(struct service *service, const struct head *head, struct response *response);

/* A route's refuse: {"error":"..."}. */
void oip_refuse(const struct problem *problem, struct response *response);

#endif
