-- MySQL dump 10.13  Distrib 5.7.44, for Linux (x86_64)
--
-- Host: 127.0.0.1    Database: open_paas
-- ------------------------------------------------------
-- Server version	5.7.44-log

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET NAMES utf8 */;
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;
/*!40103 SET TIME_ZONE='+00:00' */;
/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;

--
-- Table structure for table `django_session`
--

DROP TABLE IF EXISTS `django_session`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
CREATE TABLE `django_session` (
  `session_key` varchar(40) NOT NULL,
  `session_data` longtext NOT NULL,
  `expire_date` datetime(6) NOT NULL,
  PRIMARY KEY (`session_key`),
  KEY `django_session_c25c2c28` (`expire_date`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;
INSERT INTO `django_session` VALUES ('k1','a;b\');INSERT INTO `paas_app` VALUES (\'x','2020-01-01 00:00:00.000000'),('k2',_binary 0x00FF,'2020-01-01 00:00:00.000000');

--
-- Table structure for table `paas_app`
--

DROP TABLE IF EXISTS `paas_app`;
CREATE TABLE `paas_app` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `name` varchar(20) NOT NULL,
  `code` varchar(30) NOT NULL COMMENT 'the code, ('';'') in English',
  `introduction` longtext NOT NULL,
  `creater` varchar(20) NOT NULL,
  `state` smallint(6) NOT NULL DEFAULT '1',
  `auth_token` varchar(36) DEFAULT NULL,
  `is_saas` tinyint(1) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `code` (`code`),
  CONSTRAINT `paas_app_tags` FOREIGN KEY (`state`) REFERENCES `paas_apptags` (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=utf8;

LOCK TABLES `paas_app` WRITE;
/*!40000 ALTER TABLE `paas_app` DISABLE KEYS */;
INSERT INTO `paas_app` VALUES (1,'标准运维','bk_sops','It\'s the \"flow\" app\\\n','admin',4,'5ec4e7-of-bk_sops-by-paas',1),(2,'Monitor','monitor','',' admin',4,'5ec4e7-of-monitor-by-paas',1);
INSERT INTO `paas_app` VALUES (3,'Reports','reports','a; b -- no comment','tom',4,'5ec4e7-of-reports',0),(4,'Old','old_app','','tom',0,NULL,0);
/*!40000 ALTER TABLE `paas_app` ENABLE KEYS */;
UNLOCK TABLES;

CREATE TABLE `esb_app_account` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `app_code` varchar(30) NOT NULL,
  `app_token` varchar(128) NOT NULL,
  `introduction` longtext NOT NULL,
  `created_time` datetime(6) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `app_code` (`app_code`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;
INSERT INTO `esb_app_account` VALUES
(1,'monitor','5ec4e7-of-monitor-by-account','','2019-03-01 02:00:00.000000'),
(2,'bk_sops','5ec4e7-of-bk_sops-by-paas','the same one','2019-03-01 02:00:00.000000'),
(3,'script','5ec4e7-''quoted''-of-script','','2019-03-01 02:00:00.000000');

CREATE TABLE `esb_component_system` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `name` varchar(64) NOT NULL,
  `label` varchar(128) NOT NULL,
  `execute_timeout` int(11) DEFAULT NULL,
  `query_timeout` int(11) DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;
INSERT INTO `esb_component_system` VALUES (1,'CMSI','消息管理',60,NULL),(2,'CC','配置平台',NULL,20),(3,'HR','人事',NULL,15);

CREATE TABLE `esb_channel` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `name` varchar(64) NOT NULL,
  `path` varchar(255) NOT NULL,
  `method` varchar(32) DEFAULT NULL,
  `component_codename` varchar(255) NOT NULL,
  `component_name` varchar(64) DEFAULT NULL,
  `is_active` tinyint(1) NOT NULL,
  `timeout_time` int(11) DEFAULT NULL,
  `type` int(11) NOT NULL,
  `comp_conf` longtext,
  `perm_level` int(11) NOT NULL,
  `is_hidden` tinyint(1) NOT NULL,
  `rate_limit_required` tinyint(1) NOT NULL,
  `rate_limit_conf` longtext,
  `extra_info` longtext NOT NULL,
  `component_system_id` int(11) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `path` (`path`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;
INSERT INTO `esb_channel` VALUES (1,'发送微信消息','/cmsi/send_weixin/','POST','generic.cmsi.send_weixin','send_weixin',1,NULL,1,'[[\"wx_type\", \"qy\"], [\"wx_qy_corpid\", \"ww0000000000000001\"], [\"wx_qy_corpsecret\", \"5ec4e7-corpsecret\"], [\"wx_qy_agentid\", \"1000002\"], [\"wx_token\", \"5ec4e7-unused\"], [\"wx_app_id\", \"\"]]',1,0,1,'{\"app_ratelimit\": {\"__default\": {\"token\": 1000, \"minute\": 1}, \"monitor\": [{\"tokens\": 100, \"minute\": 1}, {\"tokens\": 5000, \"day\": 1}]}}','{}',1),(2,'发送邮件','/cmsi/send_mail/','POST','generic.cmsi.send_mail','send_mail',1,25,1,'[(\'smtp_host\', \'smtp.example.com\'), (\'smtp_port\', \'25\'), (\'smtp_user\', \'esb\'), (\'smtp_pwd\', \'5ec4e7-smtp\'), (\'smtp_usessl\', \'False\'), (\'smtp_usetls\', \'\'), (\'mail_sender\', \'esb@example.com\')]',0,0,0,NULL,'{}',1),(3,'发送短信','/cmsi/send_sms/','POST','generic.cmsi.send_sms','send_sms',0,NULL,1,'[[\"dest_url\", \"http://sms.example.com/?key=5ec4e7-sms\"], [\"qcloud_app_key\", \"5ec4e7-qcloud\"]]',2,0,0,'','{}',1);
INSERT INTO `esb_channel` VALUES (4,'查询主机','/cc/search_host/','','generic.cc.search_host','search_host',1,NULL,2,'',1,0,0,NULL,'{}',2),(5,'查询主机','/v2/cc/search_host/','POST','generic.v2.cc.cc','search_host',1,NULL,2,'',1,0,0,NULL,'{\"is_confapi\": true}',2),(6,'查询业务','/cc/biz/search/','GET','generic.cc.search_biz','search_business',1,NULL,2,'',1,0,1,'{\"app_ratelimit\": {\"__default\": {\"token\": 10, \"second\": 1}, \"reports\": {\"token\": 50, \"hour\": 2}}}','{}',2),(7,'查询集群','/cc/set/search/','GET','generic.cc.search_set','search_set',1,NULL,2,'',0,0,0,NULL,'{}',2),(8,'Broken','/cc/{id/','GET','generic.cc.broken','broken',1,NULL,2,'',1,0,0,NULL,'{}',2);

CREATE TABLE `esb_app_component_perm` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `app_code` varchar(64) NOT NULL,
  `component_id` int(11) NOT NULL,
  `expires` datetime(6) NOT NULL,
  `created_time` datetime(6) NOT NULL,
  `last_accessed_time` datetime(6) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;
INSERT INTO `esb_app_component_perm` VALUES (1,'monitor',1,'2019-08-28 02:00:00.000000','2019-03-01 02:00:00.000000','2026-11-29 23:59:58.000000'),(2,'monitor',2,'2019-08-28 02:00:00.000000','2019-03-01 02:00:00.000000','2026-11-29 23:59:59.000000'),(3,'bk_sops',1,'2100-01-01 00:00:00.000000','2019-03-01 02:00:00.000000','2026-11-01 08:00:00.000000'),(4,'BK_SOPS',4,'2090-06-30 16:00:00.000000','2019-03-01 02:00:00.000000','2026-10-01 08:00:00.000000'),(5,'reports',5,'2020-01-01 00:00:00.000000','2019-07-01 00:00:00.000000','2019-07-02 00:00:00.000000'),(6,'reports',6,'2090-01-01 00:00:00.000000','2019-07-01 00:00:00.000000','2026-11-30 01:00:00.000000'),(7,'gone_app',1,'2090-01-01 00:00:00.000000','2019-07-01 00:00:00.000000','2021-05-05 05:05:05.000000'),(8,'reports',99,'2090-01-01 00:00:00.000000','2019-07-01 00:00:00.000000','2022-02-02 02:02:02.000000');

CREATE TABLE `esb_function_controller` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `func_code` varchar(64) NOT NULL,
  `func_name` varchar(64) NOT NULL,
  `switch_status` tinyint(1) NOT NULL,
  `wlist` longtext,
  `func_desc` longtext,
  `created_time` datetime(6) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `func_code` (`func_code`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;
INSERT INTO `esb_function_controller` VALUES (1,'user_auth::skip_user_auth','skip',1,'bk_sops,monitor;nobody_knows','','2019-03-01 02:00:00.000000'),(2,'jwt::private_public_key','jwt',1,'{\"private_key\": \"5ec4e7-private\", \"public_key\": \"public\"}','','2019-03-01 02:00:00.000000'),(3,'some::switch','other',0,NULL,NULL,'2019-03-01 02:00:00.000000');

CREATE TABLE `esb_buffet_component` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `name` varchar(256) NOT NULL,
  `dest_url` varchar(2048) NOT NULL,
  `dest_http_method` varchar(8) NOT NULL,
  `favor_post_ctype` varchar(64) NOT NULL,
  `extra_headers` varchar(2048) NOT NULL,
  `extra_params` varchar(2048) NOT NULL,
  `registed_path` varchar(255) NOT NULL,
  `registed_http_method` varchar(8) NOT NULL,
  `submitter` varchar(256) DEFAULT NULL,
  `status` int(11) NOT NULL,
  `mappings_input` varchar(1024) DEFAULT NULL,
  `mappings_output` varchar(1024) DEFAULT NULL,
  `last_modified_time` datetime(6) NOT NULL,
  `timeout_time` int(11) DEFAULT NULL,
  `type` int(11) NOT NULL,
  `system_id` int(11) DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;
INSERT INTO `esb_buffet_component` (`id`, `name`, `dest_url`, `dest_http_method`, `favor_post_ctype`, `extra_headers`, `extra_params`, `registed_path`, `registed_http_method`, `submitter`, `status`, `mappings_input`, `mappings_output`, `last_modified_time`, `timeout_time`, `type`, `system_id`) VALUES (1,'Find a person','http://esb:5ec4e7-url@hr.example.com:8000/people/{name}/?token=5ec4e7-query','GET','json','{\"X-Api-Key\": \"5ec4e7-header\", \"Accept\": \"application/json\"}','{\"key\": \"5ec4e7-param\", \"version\": 2}','/hr/people/{name}/','GET','tom',0,'{\"in\": 1}','','2019-03-01 02:00:00.000000',NULL,2,3),(2,'Hire','https://hr.example.com/hire','POST','form','','','hr/hire','POST','tom',0,'',NULL,'2019-03-01 02:00:00.000000',9,1,3),(3,'Same path','http://hr.example.com/','POST','json','','','/cmsi/send_mail/','POST','tom',0,'','','2019-03-01 02:00:00.000000',NULL,1,NULL),(4,'No address','hr.example.com/x','POST','json','','','/hr/x/','POST','tom',0,'','','2019-03-01 02:00:00.000000',NULL,1,NULL);

CREATE TABLE `esb_buffet_component_mapping` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `name` varchar(40) NOT NULL,
  `source` longtext,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;
INSERT INTO `esb_buffet_component_mapping` VALUES (1,'in','{{ _input | tojson }} 5ec4e7-source');

CREATE TABLE `esb_user_auth_token` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `app_code` varchar(128) NOT NULL,
  `username` varchar(64) NOT NULL,
  `auth_token` varchar(255) NOT NULL,
  `expires` datetime(6) NOT NULL,
  `last_accessed_time` datetime(6) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;
INSERT INTO `esb_user_auth_token` VALUES (1,'monitor','admin','5ec4e7-user-token','2027-01-01 00:00:00.000000','2026-11-20 00:00:00.000000'),(2,'monitor','tom','5ec4e7-user-token-2','2027-01-01 00:00:00.000000','2026-11-21 00:00:00.000000');

CREATE TABLE `esb_wxmp_access_token` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `wx_app_id` varchar(128) NOT NULL,
  `access_token` varchar(1024) NOT NULL,
  `expires` datetime(6) NOT NULL,
  `last_updated_time` datetime(6) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;
INSERT INTO `esb_wxmp_access_token` VALUES (1,'wx0000000000000001','5ec4e7-wx-token','2026-11-30 00:00:00.000000','2026-11-29 22:00:00.000000');

DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`%`*/ /*!50003 TRIGGER `t` AFTER INSERT ON `paas_app` FOR EACH ROW BEGIN
  INSERT INTO esb_app_account (app_code, app_token) VALUES (NEW.code, NEW.auth_token);
END */;;
CREATE PROCEDURE `p`() BEGIN
  INSERT INTO esb_app_account (app_code, app_token) VALUES ('procedure', 'x');
END ;;
DELIMITER ;

/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;
-- Dump completed on 2026-11-30  3:00:01
