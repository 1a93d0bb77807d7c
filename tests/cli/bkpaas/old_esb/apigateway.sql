-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB, for debian-linux-gnu (x86_64)
--
-- Host: localhost    Database: bk_esb
-- ------------------------------------------------------
/*M!999999\- enable the sandbox mode */
/*!40103 SET TIME_ZONE='+00:00' */;

CREATE TABLE `esb_component_system` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `board` varchar(64) NOT NULL,
  `name` varchar(64) NOT NULL,
  `timeout` int(11) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `board_name` (`board`,`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
INSERT INTO `esb_component_system` VALUES
(1,'default','CMSI',40),
(2,'default','CC',NULL);

CREATE TABLE `esb_channel` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `created_time` datetime(6) DEFAULT NULL,
  `board` varchar(64) NOT NULL,
  `name` varchar(128) NOT NULL,
  `description` varchar(128) NOT NULL,
  `method` varchar(32) NOT NULL,
  `path` varchar(255) NOT NULL,
  `component_codename` varchar(255) NOT NULL,
  `permission_level` varchar(32) NOT NULL,
  `verified_user_required` tinyint(1) NOT NULL,
  `timeout` int(11) DEFAULT NULL,
  `config` longtext NOT NULL CHECK (json_valid(`config`)),
  `is_active` tinyint(1) NOT NULL,
  `is_public` tinyint(1) NOT NULL,
  `system_id` bigint(20) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `board` (`board`),
  CONSTRAINT `system` FOREIGN KEY (`system_id`) REFERENCES `esb_component_system` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
/*!40000 ALTER TABLE `esb_channel` DISABLE KEYS */;
INSERT INTO `esb_channel` VALUES
(11,'2024-01-01 00:00:00.000000','default','send_weixin','发送微信消息','POST','/cmsi/send_weixin/','generic.cmsi.send_weixin','normal',1,NULL,'{\"wx_type\":\"mp\",\"wx_app_id\":\"wx0000000000000001\",\"wx_secret\":\"5ec4e7-wx\",\"wx_template_id\":\"TTT\",\"suggest_method\":\"POST\"}',1,1,1),
(12,'2024-01-01 00:00:00.000000','default','get_msg_type','消息类型','GET','/v2/cmsi/get_msg_type/','generic.cmsi.get_msg_type','unlimited',0,NULL,'{}',1,1,1),
(13,'2024-01-01 00:00:00.000000','default','search_host','查询主机','POST','/v2/cc/search_host/','generic.v2.cc.cc_component','special',1,NULL,'{\"is_confapi\":true}',1,1,2),
(14,'2024-01-01 00:00:00.000000','other','send_mail','邮件','POST','/cmsi/send_mail/','generic.cmsi.send_mail','normal',1,NULL,'{\"smtp_pwd\":\"5ec4e7-other-board\"}',1,1,1);

CREATE TABLE `esb_app_component_permission` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `board` varchar(64) NOT NULL,
  `bk_app_code` varchar(64) NOT NULL,
  `component_id` int(11) NOT NULL,
  `expires` datetime(6) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
INSERT INTO `esb_app_component_permission` VALUES
(1,'default','bk_sops',11,'2024-06-01 00:00:00.000000'),
(2,'default','bk_job',11,'2090-06-01 00:00:00.000000'),
(3,'other','bk_cmdb',14,'2090-06-01 00:00:00.000000');

CREATE TABLE `esb_component_resource_binding` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `board` varchar(64) NOT NULL,
  `component_id` int(11) NOT NULL,
  `component_method` varchar(32) NOT NULL,
  `component_path` varchar(255) NOT NULL,
  `resource_id` int(11) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
INSERT INTO `esb_component_resource_binding` VALUES
(1,'default',11,'','',501),
(2,'default',13,'','',502),
(3,'default',0,'GET','/v2/bk_login/get_user/',503);

CREATE TABLE `core_api` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `name` varchar(64) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
INSERT INTO `core_api` VALUES
(3,'bk-esb'),
(4,'bk-other');

CREATE TABLE `permission_app_resource` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `bk_app_code` varchar(32) NOT NULL,
  `resource_id` int(11) NOT NULL,
  `expires` datetime(6) DEFAULT NULL,
  `grant_type` varchar(16) NOT NULL,
  `api_id` int(11) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
INSERT INTO `permission_app_resource` VALUES
(1,'bk_sops',501,'2090-01-01 00:00:00.000000','initialize',3),
(2,'bk_sops',502,NULL,'renew',3),
(3,'bk_job',503,'2100-01-01 00:00:00.000000','apply',3),
(4,'bk_job',501,'2023-01-01 00:00:00.000000','apply',4),
(5,'bk_job',599,'2090-01-01 00:00:00.000000','apply',3);

CREATE TABLE `permission_app_api` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `bk_app_code` varchar(32) NOT NULL,
  `expires` datetime(6) DEFAULT NULL,
  `api_id` int(11) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
INSERT INTO `permission_app_api` VALUES
(1,'bk_apigateway','2100-01-01 00:00:00.000000',3);

CREATE TABLE `esb_app_account` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `app_code` varchar(30) NOT NULL,
  `app_token` varchar(128) NOT NULL,
  `introduction` longtext NOT NULL,
  `created_time` datetime(6) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
INSERT INTO `esb_app_account` VALUES
(1,'script','5ec4e7-of-script','','2024-01-01 00:00:00.000000');

CREATE TABLE `esb_function_controller` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `board` varchar(64) NOT NULL,
  `func_code` varchar(64) NOT NULL,
  `func_name` varchar(64) NOT NULL,
  `func_desc` longtext NOT NULL,
  `switch_status` tinyint(1) NOT NULL,
  `wlist` longtext NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
INSERT INTO `esb_function_controller` VALUES
(1,'default','user_auth::skip_user_auth','','',0,'[\"bk_sops\", \"bk_job\"]');

CREATE TABLE `esb_access_token` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `created_time` datetime(6) DEFAULT NULL,
  `updated_time` datetime(6) DEFAULT NULL,
  `bk_app_code` varchar(128) NOT NULL,
  `user_id` varchar(64) NOT NULL,
  `access_token` varchar(255) NOT NULL,
  `expires` datetime(6) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
INSERT INTO `esb_access_token` VALUES
(1,'2024-01-01 00:00:00.000000','2026-10-10 10:10:10.000000','bk_job','admin','5ec4e7-access','2027-01-01 00:00:00.000000');
-- Dump completed on 2026-11-30  3:00:01
